/** Stands in for Vitest where mutants are tried: collects tests, runs them in order, stops at the first failure. */
import { chai, JestAsymmetricMatchers, JestChaiExpect, JestExtend } from '@vitest/expect';

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

type Body = (...values: never[]) => unknown;
type Collected = Readonly<{ name: string; run: () => unknown }>;

const tests: Collected[] = [];
const path: string[] = [];

function test(name: string, run: () => unknown): void {
  tests.push({ name: [...path, name].join(' > '), run });
}

function group(name: string, body: () => void): void {
  path.push(name);
  body();
  path.pop();
}

type Each = (rows: readonly unknown[]) => (name: string, body: Body) => void;

function each(register: (name: string, run: () => unknown) => void): Each {
  return (rows) => (name, body) => {
    for (const row of rows) {
      const values = (Array.isArray(row) ? row : [row]) as never[];
      register(`${name} ${String(values[0])}`, () => body(...values));
    }
  };
}

export const it = Object.assign(test, { each: each(test) });
export const describe = Object.assign(group, { each: each((name, run) => group(name, () => void run())) });
export const expect = Object.assign(
  (value: unknown, message?: string) => chai.expect(value, message),
  chai.expect,
);
export const beforeAll = (_body: () => unknown): void => undefined;

/** The name of the first test that fails, if any does. */
export function firstFailure(): string | undefined {
  for (const { name, run } of tests) {
    try {
      run();
    } catch {
      return name;
    }
  }
  return undefined;
}

export function countTests(): number {
  return tests.length;
}
