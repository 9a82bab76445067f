/** The state as a Graphviz graph. */
import { type GraphEdge, type GraphNode, objectGraph } from './object-graph.ts';
import type { Shown } from './show.ts';

const SHAPES: Partial<Record<GraphNode['kind'], string>> = {
  ioas: 'box',
  'hwpt-paging': 'box3d',
  'hwpt-nested': 'box3d',
  device: 'component',
  viommu: 'tab',
  fault: 'cds',
  veventq: 'cds',
  tombstone: 'plaintext',
  process: 'house',
};

const STYLES: Readonly<Record<GraphEdge['style'], readonly string[]>> = {
  reference: [],
  attachment: ['penwidth=2'],
  descriptor: ['style=dashed'],
};

/** A DOT string: only quotes and backslashes need care. */
function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&').replace(/\n/g, '\\n')}"`;
}

/** One digraph with a cluster for each context. */
export function shownDot(shown: Shown): string {
  const graph = objectGraph(shown);
  const lines = ['digraph iommufd {', '  rankdir=BT;', '  node [fontname="sans-serif"];'];
  lines.push(`  label=${quoted(graph.title)};`);
  for (const { id, title, point, nodes, edges } of graph.clusters) {
    lines.push(`  subgraph cluster_${id} {`, `    label=${quoted(title)};`);
    lines.push(`    ${point} [shape=point, label=""];`);
    for (const node of nodes) lines.push(`    ${nodeLine(node)}`);
    for (const edge of edges) lines.push(`    ${edgeLine(edge)}`);
    lines.push('  }');
  }
  for (const node of graph.nodes) lines.push(`  ${nodeLine(node)}`);
  for (const edge of graph.edges) lines.push(`  ${edgeLine(edge)}`);
  return `${[...lines, '}'].join('\n')}\n`;
}

function nodeLine({ id, kind, text }: GraphNode): string {
  return `${id} [shape=${SHAPES[kind] ?? 'ellipse'}, label=${quoted(text.join('\n'))}];`;
}

function edgeLine({ from, to, text, style }: GraphEdge): string {
  const marks = [...(text === '' ? [] : [`label=${quoted(text)}`]), ...STYLES[style]];
  return `${from} -> ${to}${marks.length === 0 ? '' : ` [${marks.join(', ')}]`};`;
}
