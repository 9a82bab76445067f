/** From the text of one syzkaller call to its tree. Throws SyzSyntaxError with the column where it breaks. */
import type { SyzArg, SyzCall } from './syz-text.ts';

export class SyzSyntaxError extends Error {
  override readonly name = 'SyzSyntaxError';
}

const ESCAPES: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  "'": 39,
  '"': 34,
  '\\': 92,
};
const MASK = (1n << 64n) - 1n;

/** Reads one call; `line` is its number in the file. */
export function parseCall(text: string, line: number): SyzCall {
  return new Parser(text, line).call();
}

class Parser {
  private readonly text: string;
  private readonly line: number;
  private at = 0;

  constructor(text: string, line: number) {
    this.text = text;
    this.line = line;
  }

  call(): SyzCall {
    let name = this.word();
    let result: string | undefined;
    if (this.take(' = ') || this.take('=')) {
      this.spaces();
      result = name;
      name = this.word();
    }
    this.expect('(');
    const args: SyzArg[] = [];
    this.list(')', args);
    this.spaces();
    const props = this.take('(') ? this.props() : new Map<string, bigint | true>();
    this.spaces();
    if (this.at < this.text.length && this.text[this.at] !== '#') throw this.error('the end of the line');
    return { line: this.line, result, name, args, props };
  }

  private props(): Map<string, bigint | true> {
    const props = new Map<string, bigint | true>();
    while (!this.take(')')) {
      this.spaces();
      const name = this.word();
      this.spaces();
      const valued = this.take(':');
      this.spaces();
      props.set(name, valued ? this.number() : true);
      this.spaces();
      this.take(',');
      this.spaces();
    }
    return props;
  }

  /** Elements up to the closing bracket. */
  private list(closing: string, items: SyzArg[]): void {
    this.spaces();
    while (!this.take(closing)) {
      items.push(this.arg());
      this.spaces();
      if (!this.take(',') && this.text[this.at] !== closing) throw this.error(`, or ${closing}`);
      this.spaces();
    }
  }

  private arg(): SyzArg {
    this.spaces();
    const next = this.text[this.at];
    if (next === '&') return this.pointer();
    if (next === '<') return this.made();
    if (next === '{') return this.group('group', '{', '}');
    if (next === '[') return this.group('array', '[', ']');
    if (next === '@') return this.union();
    if (next === '"' || next === "'") return this.data(next);
    const rest = this.text.slice(this.at, this.at + 24);
    if (/^nil\b/.test(rest)) return this.named(3, { is: 'nil' });
    if (/^AUTO\b/.test(rest)) return this.named(4, { is: 'auto' });
    if (/^r\d/.test(rest)) return this.resource();
    return { is: 'const', value: this.number() };
  }

  private named(length: number, arg: SyzArg): SyzArg {
    this.at += length;
    return arg;
  }

  private group(is: 'group' | 'array', opening: string, closing: string): SyzArg {
    this.expect(opening);
    const items: SyzArg[] = [];
    this.list(closing, items);
    return { is, items };
  }

  private resource(): SyzArg {
    const name = this.word();
    const divide = this.take('/') ? this.number() : 1n;
    const add = this.take('+') ? this.number() : 0n;
    return { is: 'resource', name, divide, add };
  }

  private made(): SyzArg {
    this.expect('<');
    const name = this.word();
    this.expect('=>');
    return { is: 'made', name, before: this.arg() };
  }

  private union(): SyzArg {
    this.expect('@');
    const option = this.word();
    return { is: 'union', option, value: this.take('=') ? this.arg() : undefined };
  }

  private pointer(): SyzArg {
    this.expect('&');
    let address: bigint | undefined;
    let pages = 0n;
    if (!this.take('AUTO')) {
      this.expect('(');
      if (!this.take('AUTO')) address = this.number();
      if (this.take('/')) pages = this.number();
      this.expect(')');
    }
    if (!this.take('=')) return { is: 'pointer', address, pages, pointee: undefined, any: false };
    const any = this.take('ANY=');
    return { is: 'pointer', address, pages, pointee: this.arg(), any };
  }

  private data(quote: string): SyzArg {
    this.at++;
    const bytes = quote === '"' ? this.encoded() : this.readable();
    const length = this.take('/') ? Number(this.number()) : bytes.length;
    return { is: 'data', bytes, length };
  }

  /** Hexadecimal, or base64 after a dollar sign. */
  private encoded(): Uint8Array {
    const end = this.text.indexOf('"', this.at);
    if (end < 0) throw this.error('a closing quotation mark');
    const inside = this.text.slice(this.at, end);
    this.at = end + 1;
    if (inside.startsWith('$')) return new Uint8Array(Buffer.from(inside.slice(1), 'base64'));
    if (!/^([0-9a-fA-F]{2})*$/.test(inside)) throw this.error('pairs of hexadecimal digits');
    return new Uint8Array(Buffer.from(inside, 'hex'));
  }

  private readable(): Uint8Array {
    const bytes: number[] = [];
    for (;;) {
      const code = this.text.charCodeAt(this.at++);
      if (Number.isNaN(code)) throw this.error('a closing quotation mark');
      if (code === 39) return Uint8Array.from(bytes);
      bytes.push(code === 92 ? this.escape() : code & 0xff);
    }
  }

  private escape(): number {
    const letter = this.text[this.at++] ?? '';
    if (letter !== 'x') return ESCAPES[letter] ?? letter.charCodeAt(0);
    const code = Number.parseInt(this.text.slice(this.at, this.at + 2), 16);
    this.at += 2;
    if (Number.isNaN(code)) throw this.error('two hexadecimal digits');
    return code;
  }

  private number(): bigint {
    const found = /^-?(0x[0-9a-fA-F]+|\d+)/.exec(this.text.slice(this.at, this.at + 32))?.[0];
    if (found === undefined) throw this.error('a value');
    this.at += found.length;
    return found.startsWith('-') ? -BigInt(found.slice(1)) & MASK : BigInt(found) & MASK;
  }

  private word(): string {
    const start = this.at;
    while (/[A-Za-z0-9_$]/.test(this.text[this.at] ?? '')) this.at++;
    if (this.at === start) throw this.error('a name');
    return this.text.slice(start, this.at);
  }

  private take(text: string): boolean {
    if (!this.text.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  private expect(text: string): void {
    if (!this.take(text)) throw this.error(text);
  }

  private spaces(): void {
    while (this.text[this.at] === ' ' || this.text[this.at] === '\t') this.at++;
  }

  private error(expected: string): SyzSyntaxError {
    const rest = this.text.slice(this.at, this.at + 20);
    const found = rest === '' ? 'the end of the line' : JSON.stringify(rest);
    return new SyzSyntaxError(
      `line ${this.line}, column ${this.at + 1}: expected ${expected}, found ${found}`,
    );
  }
}
