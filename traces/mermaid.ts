/** The state as a Mermaid flowchart. */
import { mermaidString } from '../explore/mermaid-text.ts';
import { type GraphEdge, type GraphNode, objectGraph } from './object-graph.ts';
import type { Shown } from './show.ts';

/** Brackets around the text of a node: its shape. */
const SHAPES: Partial<Record<GraphNode['kind'], readonly [open: string, close: string]>> = {
  ioas: ['[', ']'],
  'hwpt-paging': ['[[', ']]'],
  'hwpt-nested': ['[[', ']]'],
  device: ['{{', '}}'],
  fault: ['>', ']'],
  veventq: ['>', ']'],
  process: ['[/', '\\]'],
};
const ROUND = ['(', ')'] as const;

const ARROWS: Readonly<Record<GraphEdge['style'], string>> = {
  reference: '-->',
  attachment: '==>',
  descriptor: '-.->',
};

/** One flowchart with a subgraph for each context. */
export function shownMermaid(shown: Shown): string {
  const graph = objectGraph(shown);
  const lines = ['---', `title: ${JSON.stringify(graph.title)}`, '---', 'flowchart BT'];
  for (const { title, point, nodes, edges } of graph.clusters) {
    lines.push(`  subgraph ${point} [${mermaidString(title)}]`);
    for (const node of nodes) lines.push(`    ${nodeLine(node)}`);
    for (const edge of edges) lines.push(`    ${edgeLine(edge)}`);
    lines.push('  end');
  }
  for (const node of graph.nodes) lines.push(`  ${nodeLine(node)}`);
  for (const edge of graph.edges) lines.push(`  ${edgeLine(edge)}`);
  return `${lines.join('\n')}\n`;
}

function nodeLine({ id, kind, text }: GraphNode): string {
  const [open, close] = SHAPES[kind] ?? ROUND;
  return `${id}${open}${mermaidString(...text)}${close}`;
}

function edgeLine({ from, to, text, style }: GraphEdge): string {
  const word = text === '' ? '' : `|${mermaidString(text)}|`;
  return `${from} ${ARROWS[style]}${word} ${to}`;
}
