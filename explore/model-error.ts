/** What can be wrong with a model itself, as opposed to what a search finds out about it. */

/** Stable and greppable; a code is never reused. */
export type ModelErrorCode =
  | 'MDL001-declaration'
  | 'MDL002-missing-field'
  | 'MDL003-out-of-bounds'
  | 'MDL004-threw'
  | 'MDL005-not-boolean'
  | 'MDL006-writes-while-asked'
  | 'MDL007-not-symmetric'
  | 'MDL008-dead-command'
  | 'MDL009-too-large'
  | 'MDL010-not-deterministic';

/** The model cannot be searched as it is written. `place` says where in the model, and after which steps. */
export class ModelError extends Error {
  override readonly name = 'ModelError';
  readonly code: ModelErrorCode;
  readonly file: string;
  readonly place: string;
  readonly detail: string;

  constructor(code: ModelErrorCode, at: ModelPlace, detail: string, options?: ErrorOptions) {
    super(`${at.file}: ${at.place}: ${code}: ${detail}`, options);
    this.code = code;
    this.file = at.file;
    this.place = at.place;
    this.detail = detail;
  }
}

export type ModelPlace = Readonly<{ file: string; place: string }>;

/**
 * A state was asked for, or given, what its declaration does not have, or a question got no answer. Whoever called the model knows
 * the place.
 */
export class StateAccessError extends Error {
  override readonly name = 'StateAccessError';
  readonly code: ModelErrorCode;

  constructor(code: ModelErrorCode, detail: string) {
    super(detail);
    this.code = code;
  }
}

/** What was thrown in the midst of a model, told with its place. Errors that know theirs are passed on. */
export function located(thrown: unknown, at: ModelPlace): ModelError {
  if (thrown instanceof ModelError) return thrown;
  const options = { cause: thrown };
  if (thrown instanceof StateAccessError) return new ModelError(thrown.code, at, thrown.message, options);
  return new ModelError('MDL004-threw', at, `threw ${String(thrown)}`, options);
}
