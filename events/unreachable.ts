/** The end of an exhaustive switch: reaching it is a defect of ours, never of the input. */
export function unreachable(value: never): never {
  throw new Error(`invariant: unhandled ${JSON.stringify(value)}`);
}
