// node .ci/check-package.mjs: the package as npm would publish it installs, every subpath of it imports in silence, and
// its program runs. Works in a temporary folder, which it removes.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'omoe-package-'));

/** What a command writes to stdout; its stderr goes through. Windows finds npm and npx only through a shell. */
const run = (command, args, cwd = folder) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', shell: process.platform === 'win32' && command !== 'node' });

/** Imports one subpath, and throws if that made a global name. */
const importing = (name) => `
  const before = new Set(Reflect.ownKeys(globalThis));
  const names = Object.keys(await import('${name}'));
  const made = Reflect.ownKeys(globalThis).filter((key) => !before.has(key));
  if (made.length > 0) throw new Error('${name} makes the globals ' + made.map(String).join(', '));
  if (names.length === 0) throw new Error('${name} exports nothing');
`;

function checkImport(name) {
  const script = join(folder, 'import.mjs');
  writeFileSync(script, importing(name));
  const { status, stdout, stderr } = spawnSync('node', [script], { cwd: folder, encoding: 'utf8' });
  if (status !== 0 || stdout + stderr !== '') throw new Error(`import of ${name}: exit ${status}, ${stdout}${stderr}`);
}

try {
  run('npm', ['pack', '--silent', '--pack-destination', folder], process.cwd());
  const tarball = readdirSync(folder).find((file) => file.endsWith('.tgz'));
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  run('npm', ['install', '--silent', '--no-audit', '--no-fund', '--prefer-offline', `./${tarball}`]);

  const { exports } = JSON.parse(readFileSync(join(folder, 'node_modules', 'omoe', 'package.json'), 'utf8'));
  const subpaths = Object.keys(exports).filter((subpath) => subpath !== './package.json');
  const withoutPeers = subpaths.filter((subpath) => subpath !== './conformance');
  for (const subpath of withoutPeers) checkImport(`omoe${subpath.slice(1)}`);

  // The optional peers are not there: what needs them says how to get them.
  for (const [args, advice] of [
    [['conform', '--backend', 'cpu'], 'npm install --save-dev fast-check'],
    [['compare', '--backend', 'gpujs', '--dry-run'], 'npm install gpu.js'],
  ]) {
    const { status, stderr } = spawnSync('npx', ['omoe', ...args], { cwd: folder, encoding: 'utf8' });
    if (status === 0 || !stderr.includes(advice)) throw new Error(`omoe ${args.join(' ')}: exit ${status}, ${stderr}`);
  }
  const { version } = JSON.parse(readFileSync(join('node_modules', 'fast-check', 'package.json'), 'utf8'));
  run('npm', ['install', '--silent', '--no-audit', '--no-fund', '--prefer-offline', `fast-check@${version}`]);
  checkImport('omoe/conformance');
  const conform = JSON.parse(run('npx', ['omoe', 'conform', '--backend', 'cpu', '--only', 'matmul', '--json']));
  if (conform.passed !== true) throw new Error(`omoe conform --only matmul: passed ${conform.passed}`);

  if (!run('npx', ['omoe', '--help']).startsWith('Usage: omoe')) throw new Error('omoe --help prints no usage');
  const { schema } = JSON.parse(run('npx', ['omoe', 'compare', '--dry-run', '--json']));
  if (schema !== 'omoe.plan/1') throw new Error(`omoe compare --dry-run --json wrote ${schema}`);
  console.log(`ok: ${tarball}, ${subpaths.length} subpaths`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
