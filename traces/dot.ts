/** The state as a Graphviz graph: objects are nodes, references are edges. */
import { slotName } from './explain-holders.ts';
import { nameOf } from './explain-scene.ts';
import type { Fact, Shown, ShownContext, ShownObject } from './show.ts';

const SHAPES: Partial<Record<ShownObject['kind'], string>> = {
  ioas: 'box',
  'hwpt-paging': 'box3d',
  'hwpt-nested': 'box3d',
  device: 'component',
  viommu: 'tab',
  fault: 'cds',
  veventq: 'cds',
  tombstone: 'plaintext',
};

/** References that an object holds: the fact, and the word on the edge. */
const REFERENCES: Readonly<Record<string, string>> = {
  ioas: '',
  parent: 'nested on',
  hwpt: '',
  viommu: '',
  fault: 'faults to',
  device: '',
  access: 'pins through',
  dependsOn: 'needs',
};

/** A DOT string: only quotes and backslashes need care. */
function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&').replace(/\n/g, '\\n')}"`;
}

/** One digraph with a cluster for each context. */
export function shownDot(shown: Shown): string {
  const lines = ['digraph iommufd {', '  rankdir=BT;', '  node [fontname="sans-serif"];'];
  lines.push(`  label=${quoted(`${shown.trace}, after seq ${shown.seq}, kernel ${shown.kernel}`)};`);
  for (const context of shown.contexts) lines.push(...contextLines(context));
  for (const { pid, descriptors } of shown.processes) {
    lines.push(`  process${pid} [shape=house, label=${quoted(`process ${pid}`)}];`);
    for (const { fd, context, object, kind } of descriptors) {
      const target = context === 0 ? undefined : object === 0 ? `context${context}` : node(context, object);
      if (target !== undefined)
        lines.push(`  process${pid} -> ${target} [label=${quoted(`${fd} ${kind}`)}, style=dashed];`);
    }
  }
  return `${[...lines, '}'].join('\n')}\n`;
}

function node(context: number, id: number): string {
  return `c${context}o${id}`;
}

function contextLines(context: ShownContext): string[] {
  const { id } = context;
  const lines = [`  subgraph cluster_${id} {`, `    label=${quoted(`context ${id}`)};`];
  lines.push(`    context${id} [shape=point, label=""];`);
  for (const ioas of context.ioas) lines.push(`    ${nodeLine(id, ioas, `\n${ioas.areaCount} areas`)}`);
  for (const object of context.objects) lines.push(`    ${nodeLine(id, object, noteOf(object))}`);
  for (const object of context.objects) lines.push(...references(id, object).map((line) => `    ${line}`));
  for (const { device, pasid, hwpt } of context.attachments)
    lines.push(
      `    ${node(id, device)} -> ${node(id, hwpt)} [label=${quoted(slotName(pasid))}, penwidth=2];`,
    );
  return [...lines, '  }'];
}

function nodeLine(context: number, object: ShownObject, note: string): string {
  const label = quoted(`${nameOf(object)}${note}\nusers ${object.users}`);
  return `${node(context, object.id)} [shape=${SHAPES[object.kind] ?? 'ellipse'}, label=${label}];`;
}

function noteOf({ kind, facts }: ShownObject): string {
  if (kind === 'device') return `\n${facts['name']}`;
  if (kind === 'vdevice') return `\n${facts['virtId']}`;
  return facts['auto'] === true ? '\nautomatic' : facts['nestParent'] === true ? '\nNEST_PARENT' : '';
}

function references(context: number, { id, facts }: ShownObject): string[] {
  return Object.entries(REFERENCES).flatMap(([name, word]) => {
    const target: Fact | undefined = facts[name];
    if (typeof target !== 'number' || target === 0) return [];
    return [
      `${node(context, id)} -> ${node(context, target)}${word === '' ? '' : ` [label=${quoted(word)}]`};`,
    ];
  });
}
