/** Where a source can be mutated, and the source with every mutant in it, switched by a number at run time. */
import { parseSync } from 'rolldown/utils';

/** One mutant. `line` counts from 1. */
export type Mutant = Readonly<{ id: number; file: string; line: number; kind: MutantKind; text: string }>;
export type MutantKind =
  | 'move a border'
  | 'drop a check'
  | 'negate a condition'
  | 'swap two checks'
  | 'forget an event'
  | 'change an errno';

type Node = Readonly<{ type: string; start: number; end: number }> & Readonly<Record<string, unknown>>;
type Insertion = Readonly<{ at: number; text: string; order: number }>;

const BORDERS = new Map([
  ['<', '<='],
  ['<=', '<'],
  ['>', '>='],
  ['>=', '>'],
]);

const SWITCH = 'globalThis.__mutant';

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

function childrenOf(node: Node): Node[] {
  return Object.values(node).flatMap((value) =>
    Array.isArray(value) ? value.filter(isNode) : isNode(value) ? [value] : [],
  );
}

/** Instruments one file; new mutants get the ids from `firstId` on. */
export class Instrumenter {
  readonly mutants: Mutant[] = [];
  private readonly insertions: Insertion[] = [];
  /** Comparisons that pick the smaller or the larger of two values. */
  private readonly chosen = new Set<Node>();
  private readonly file: string;
  private readonly source: string;
  private id: number;

  constructor(file: string, source: string, firstId: number) {
    this.file = file;
    this.source = source;
    this.id = firstId;
    const program: unknown = parseSync(file, source, { lang: 'ts' }).program;
    if (!isNode(program)) throw new Error(`${file}: no program`);
    this.visit(program);
  }

  /** The source with all mutants in it. */
  get code(): string {
    const sorted = [...this.insertions].sort((one, other) => one.at - other.at || one.order - other.order);
    let code = '';
    let from = 0;
    for (const { at, text } of sorted) {
      code += this.source.slice(from, at) + text;
      from = at;
    }
    return code + this.source.slice(from);
  }

  private textOf(node: Node): string {
    return this.source.slice(node.start, node.end);
  }

  private mutant(node: Node, kind: MutantKind): number {
    const line = this.source.slice(0, node.start).split('\n').length;
    const text = this.textOf(node).replace(/\s+/g, ' ');
    this.mutants.push({
      id: this.id,
      file: this.file,
      line,
      kind,
      text: text.length > 110 ? `${text.slice(0, 107)}...` : text,
    });
    return this.id++;
  }

  /** What opens stands before what opens within it; what closes, after. */
  private wrap(node: Node, before: string, after: string): void {
    const depth = this.insertions.length;
    this.insertions.push({ at: node.start, text: before, order: depth });
    this.insertions.push({ at: node.end, text: after, order: -depth - 1 });
  }

  private visit(node: Node): void {
    if (node.type === 'IfStatement') this.condition(node);
    if (node.type === 'ConditionalExpression' && isNode(node['test'])) {
      this.negate(node['test']);
      if (this.picksOne(node, node['test'])) this.chosen.add(node['test']);
    }
    if (node.type === 'BlockStatement') this.neighbours(node);
    if (node.type === 'BinaryExpression' && !this.chosen.has(node)) this.border(node);
    if (node.type === 'ArrayExpression') this.elements(node);
    if (node.type === 'ExpressionStatement') this.statement(node);
    for (const child of childrenOf(node)) this.visit(child);
  }

  private condition(node: Node): void {
    const test = node['test'];
    if (!isNode(test)) return;
    if (leaves(node) && node['alternate'] === null) {
      const id = this.mutant(node, 'drop a check');
      this.wrap(test, `${SWITCH} !== ${id} && (`, ')');
    }
    this.negate(test);
  }

  private negate(test: Node): void {
    const id = this.mutant(test, 'negate a condition');
    this.wrap(test, `(${SWITCH} === ${id}) !== !!(`, ')');
  }

  /** Of two checks in a row, the second is also tried before the first. */
  private neighbours(block: Node): void {
    const body = Array.isArray(block['body']) ? block['body'].filter(isNode) : [];
    for (const [index, node] of body.entries()) {
      const after = body[index + 1];
      if (after === undefined || !this.isCheck(node) || !this.isCheck(after)) continue;
      const id = this.mutant(node, 'swap two checks');
      this.insertions.push({
        at: node.start,
        text: `if (${SWITCH} === ${id}) { ${this.textOf(after)} }\n`,
        order: this.insertions.length,
      });
    }
  }

  /** `a < b ? a : b`: on the border both are the same. */
  private picksOne(node: Node, test: Node): boolean {
    const { consequent, alternate } = node;
    const { left, right } = test;
    if (!isNode(consequent) || !isNode(alternate) || !isNode(left) || !isNode(right)) return false;
    const sides = [this.textOf(left), this.textOf(right)];
    return sides.includes(this.textOf(consequent)) && sides.includes(this.textOf(alternate));
  }

  /** `<` becomes `<=`, and so on: the value on the border changes sides. */
  private border(node: Node): void {
    const { left, right, operator } = node;
    const moved = BORDERS.get(String(operator));
    if (moved === undefined || !isNode(left) || !isNode(right)) return;
    const id = this.mutant(node, 'move a border');
    this.wrap(node, `(${SWITCH} === ${id} ? (${this.textOf(left)}) ${moved} (${this.textOf(right)}) : `, ')');
  }

  private isCheck(node: Node): boolean {
    return (
      node.type === 'IfStatement' &&
      leaves(node) &&
      /refuse|rule:|return '[a-z-]+\/|failed\(/.test(this.textOf(node))
    );
  }

  /** Events are object literals with a type in PascalCase, in arrays; what a call makes may be spread among them. */
  private elements(node: Node): void {
    const elements = Array.isArray(node['elements']) ? node['elements'].filter(isNode) : [];
    for (const element of elements) {
      const spread = element.type === 'SpreadElement' && isNode(element['argument']);
      if (!this.isEvent(element) && !spread) continue;
      const id = this.mutant(element, 'forget an event');
      this.wrap(element, `...(${SWITCH} === ${id} ? [] : [`, '])');
    }
  }

  private isEvent(node: Node): boolean {
    return node.type === 'ObjectExpression' && /^\{\s*type: '[A-Z][A-Za-z0-9]+'/.test(this.textOf(node));
  }

  private statement(node: Node): void {
    if (!/^[\w.]*(events|residue|patches|buffer|areas|parts|captures)\.push\(/.test(this.textOf(node)))
      return;
    const id = this.mutant(node, 'forget an event');
    // In braces: an else may follow.
    this.wrap(node, `{ if (${SWITCH} !== ${id}) `, ' }');
  }
}

/** An if whose only consequence is to leave: return, continue, break or throw. */
function leaves(node: Node): boolean {
  const consequent = node['consequent'];
  if (!isNode(consequent)) return false;
  const { type } = consequent;
  if (type === 'ReturnStatement' || type === 'ContinueStatement') return true;
  if (type !== 'BlockStatement' || !Array.isArray(consequent['body'])) return false;
  const body = consequent['body'].filter(isNode);
  return body.length === 1 && (body[0] as Node).type === 'ReturnStatement';
}
