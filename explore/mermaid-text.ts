/** Text inside of a Mermaid diagram: signs that it would take for its own are written as their numbers. */

/** Of a message or a note: `;` ends a line, `#` begins a number, angle brackets begin a tag. */
export function mermaidText(text: string): string {
  return text.replace(/[#;<>\n]/g, (sign) => `#${sign.charCodeAt(0)};`);
}

/** Lines of text in quotes, as labels of a flowchart want it. */
export function mermaidString(...lines: readonly string[]): string {
  return `"${lines.map(mermaidText).join('<br/>').replaceAll('"', '#34;')}"`;
}
