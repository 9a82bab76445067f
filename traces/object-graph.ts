/** Objects as nodes and references as edges: what Graphviz and Mermaid draw. */
import { slotName } from './explain-holders.ts';
import { nameOf } from './explain-scene.ts';
import type { Fact, Shown, ShownContext, ShownObject } from './show.ts';

export type GraphNode = Readonly<{
  id: string;
  kind: ShownObject['kind'] | 'process';
  text: readonly string[];
}>;

/** `text` is empty where the edge needs no word. */
export type GraphEdge = Readonly<{
  from: string;
  to: string;
  text: string;
  style: 'reference' | 'attachment' | 'descriptor';
}>;

/** A context: `point` is the node that stands for it where a descriptor points to it. */
export type GraphCluster = Readonly<{
  id: number;
  title: string;
  point: string;
  nodes: readonly GraphNode[];
  edges: readonly GraphEdge[];
}>;

export type ObjectGraph = Readonly<{
  title: string;
  clusters: readonly GraphCluster[];
  /** Processes, and what their descriptors stand for. */
  nodes: readonly GraphNode[];
  edges: readonly GraphEdge[];
}>;

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

/** The graph of a state, with a cluster for each context. */
export function objectGraph(shown: Shown): ObjectGraph {
  const nodes: GraphNode[] = [];
  const edges: GraphEdge[] = [];
  for (const { pid, descriptors } of shown.processes) {
    nodes.push({ id: `process${pid}`, kind: 'process', text: [`process ${pid}`] });
    for (const { fd, context, object, kind } of descriptors) {
      if (context === 0) continue;
      const to = object === 0 ? pointOf(context) : nodeId(context, object);
      edges.push({ from: `process${pid}`, to, text: `${fd} ${kind}`, style: 'descriptor' });
    }
  }
  const title = `${shown.trace}, after seq ${shown.seq}, kernel ${shown.kernel}`;
  return { title, clusters: shown.contexts.map(clusterOf), nodes, edges };
}

function nodeId(context: number, id: number): string {
  return `c${context}o${id}`;
}

function pointOf(context: number): string {
  return `context${context}`;
}

function clusterOf(context: ShownContext): GraphCluster {
  const { id, objects, attachments } = context;
  return {
    id,
    title: `context ${id}`,
    point: pointOf(id),
    nodes: [
      ...context.ioas.map((ioas) => nodeOf(id, ioas, [`${ioas.areaCount} areas`])),
      ...objects.map((object) => nodeOf(id, object, notesOf(object))),
    ],
    edges: [
      ...objects.flatMap((object) => references(id, object)),
      ...attachments.map(
        ({ device, pasid, hwpt }): GraphEdge => ({
          from: nodeId(id, device),
          to: nodeId(id, hwpt),
          text: slotName(pasid),
          style: 'attachment',
        }),
      ),
    ],
  };
}

function nodeOf(context: number, object: ShownObject, notes: readonly string[]): GraphNode {
  const text = [nameOf(object), ...notes, `users ${object.users}`];
  return { id: nodeId(context, object.id), kind: object.kind, text };
}

function notesOf({ kind, facts }: ShownObject): string[] {
  if (kind === 'device') return [String(facts['name'])];
  if (kind === 'vdevice') return [String(facts['virtId'])];
  if (facts['auto'] === true) return ['automatic'];
  return facts['nestParent'] === true ? ['NEST_PARENT'] : [];
}

function references(context: number, { id, facts }: ShownObject): GraphEdge[] {
  return Object.entries(REFERENCES).flatMap(([name, text]): GraphEdge[] => {
    const target: Fact | undefined = facts[name];
    if (typeof target !== 'number' || target === 0) return [];
    return [{ from: nodeId(context, id), to: nodeId(context, target), text, style: 'reference' }];
  });
}
