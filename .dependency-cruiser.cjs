// Who may import whom: the rooms of the house. `npm run check` enforces it.
/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'spec-is-self-contained',
      comment: 'The specification is read on its own: it imports ndarray and itself.',
      severity: 'error',
      from: { path: '^spec/', pathNot: '\\.(test|fixture)\\.ts$' },
      to: { pathNot: ['^spec/', '^node_modules/(@types/)?ndarray(/|$)'] },
    },
    {
      name: 'core-knows-no-backend',
      comment: 'The core works on any backend; only the command line loads one, dynamically.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/cli/', '\\.test\\.ts$'] },
      to: { path: '^(backends|spec|property-tests|bench)/' },
    },
    {
      name: 'cli-loads-backends-and-the-kit-only',
      comment: '`omoe conform` runs the published kit.',
      severity: 'error',
      from: { path: '^src/cli/', pathNot: '\\.test\\.ts$' },
      to: { path: '^(spec|property-tests|bench)/', pathNot: '^property-tests/index\\.ts$' },
    },
    {
      name: 'backends-see-the-contract-only',
      comment: 'A backend can be written by anybody from the contract and the shape arithmetic alone.',
      severity: 'error',
      from: { path: '^backends/', pathNot: '\\.test\\.ts$' },
      to: { path: '^(src|spec|property-tests|bench)/', pathNot: '^src/(backend|shape|errors)\\.ts$' },
    },
    {
      name: 'kit-knows-no-backend-and-no-runner',
      comment:
        'The published kit takes the backend and the test runner as arguments; it imports fast-check, src and spec.',
      severity: 'error',
      from: { path: '^property-tests/(arbitraries|laws|kit|operations|index\\.ts)' },
      to: {
        pathNot: [
          '^property-tests/(arbitraries|laws|kit|operations)/',
          '^src/(?!cli/)',
          '^spec/',
          '^node_modules/(fast-check|(@types/)?ndarray)(/|$)',
        ],
      },
    },
    {
      name: 'optimizers-know-no-training',
      comment: 'Optimizers are used without a trainer; what both name is declared in optim, and types count too.',
      severity: 'error',
      from: { path: '^src/optim/' },
      to: { path: '^src/(train|cli|report|tasks|models)/' },
    },
    {
      name: 'files-know-nothing-of-tensors',
      comment: 'Files, formats and checkpoints are read and written without the engine; only io/node*.ts see the disk.',
      severity: 'error',
      from: { path: '^src/io/', pathNot: '\\.(test|fixture)\\.ts$' },
      to: { path: '^src/', pathNot: ['^src/io/', '^src/errors\\.ts$'] },
    },
    {
      name: 'no-runtime-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.json'],
    },
  },
};
