/** Text as HTML shows it; quotes too, so that it fits into an attribute. */
export function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replaceAll(/[&<>"']/g, (character) => entities[character]);
}

/** A table; the first column names its row. */
export function htmlTable(columns: readonly string[], rows: readonly (readonly string[])[], caption: string): string {
  const head = columns.map((column) => `<th scope="col">${escapeHtml(column)}</th>`).join('');
  const body = rows.map(([name, ...cells]) => {
    const rest = cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('');
    return `<tr><th scope="row">${escapeHtml(name)}</th>${rest}</tr>`;
  });
  return `<div class="wide"><table><caption>${escapeHtml(caption)}</caption><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table></div>`;
}

/** A block of text that is folded away: the numbers behind a chart, the plan. */
export function foldedText(summary: string, text: string): string {
  return `<details><summary>${escapeHtml(summary)}</summary><pre>${escapeHtml(text)}</pre></details>`;
}

/** Rows as CSV (RFC 4180): a cell with a comma, a quote or a line break is quoted. */
export function csv(rows: readonly (readonly (string | number)[])[]): string {
  const cell = (value: string | number) => {
    const text = String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => row.map(cell).join(',')).join('\n');
}

/** The whole document: no script, no font, no image from elsewhere. Colours follow the reader's light or dark setting. */
export function htmlPage(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; } h3 { font-size: 1rem; margin-bottom: 0.3rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: 0.4rem; }
th, td { padding: 0.3rem 0.8rem 0.3rem 0; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
.wide { overflow-x: auto; }
.label { border-left: 4px solid #D55E00; background: var(--soft); padding: 0.6rem 1rem; }
.legend { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 0.3rem 1.4rem; }
.legend svg { vertical-align: middle; margin-right: 0.4rem; }
.maps { display: flex; flex-wrap: wrap; gap: 1.5rem; } figure { margin: 0; }
svg { max-width: 100%; height: auto; background: transparent; }
pre { overflow-x: auto; background: var(--soft); padding: 0.8rem; font-size: 0.85rem; max-height: 24rem; }
code { overflow-wrap: anywhere; }
</style>
</head>
<body>
${body}
</body>
</html>
`;
}
