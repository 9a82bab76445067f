/** The body of a probe event as text: `(function+0x4/0x166) cmd=0x3b81 w0=0xc …`. */
import type { ProbeFetch, SecondFetch } from './kernel-event.ts';
import { isWord, littleEndian, u32At } from './memory-order.ts';

export type ProbePlace = Readonly<{ probed: string; returns: boolean; fields: string }>;

/** Where the probe sits; undefined for bodies of other events. */
export function probePlace(body: string): ProbePlace | undefined {
  if (body.charCodeAt(0) !== 0x28) return undefined;
  const end = body.indexOf(')');
  if (end < 0) return undefined;
  const place = body.slice(1, end);
  const arrow = place.indexOf(' <- ');
  const name = arrow < 0 ? place : place.slice(arrow + 4);
  const plus = name.indexOf('+');
  return { probed: plus < 0 ? name : name.slice(0, plus), returns: arrow >= 0, fields: body.slice(end + 1) };
}

/** The digits of `name=0x…` in `fields`, where `name` begins with a space and ends with `=`; undefined for no such number. */
export function hexField(fields: string, name: string): string | undefined {
  const from = fields.indexOf(name);
  if (from < 0) return undefined;
  let at = from + name.length;
  if (fields.charCodeAt(at) === 0x30 && fields.charCodeAt(at + 1) === 0x78) at += 2;
  let end = fields.indexOf(' ', at);
  if (end < 0) end = fields.length;
  return isWord(fields, at, end) ? fields.slice(at, end) : undefined;
}

/** The signed decimal number of `ret=…`; undefined where there is none. */
export function returnField(fields: string): number | undefined {
  const found = / ret=(-?\d{1,10})(?: |$)/.exec(fields);
  return found === null ? undefined : Number(found[1]);
}

/** ` w0=0x`, ` w8=0x`, … */
const namesOf = (prefix: string): readonly string[] =>
  Array.from({ length: 128 }, (_, index) => ` ${prefix}${index * 8}=0x`);
const STRUCT = namesOf('w');
const SECOND = namesOf('p');
const WORD_DIGITS = 16;

// The words fetched last: what the return probe finds is mostly what the entry probe found.
let lastText = '~';
let lastWords = '';

/** The words of the struct; see wordFields(). */
function structWords(fields: string): string | undefined {
  const from = fields.indexOf(' w0=');
  const text = from < 0 ? fields : fields.slice(from);
  if (text === lastText) return lastWords;
  const words = wordFields(text, STRUCT, true);
  if (words === undefined) return undefined;
  lastText = text;
  lastWords = words;
  return words;
}

/**
 * The words that stand under `names` in memory order, as far as they go without a gap; undefined where one is no number. With
 * `sized`, no more than the low half of the first one says, which is the size of the struct.
 */
function wordFields(fields: string, names: readonly string[], sized: boolean): string | undefined {
  const [first = ''] = names;
  let from = fields.indexOf(first);
  if (from < 0) return fields.includes(first.slice(0, -2)) ? undefined : '';
  let bytes = '';
  let most = Number.POSITIVE_INFINITY;
  for (const name of names) {
    if (bytes.length >= most) return bytes;
    if (!fields.startsWith(name, from)) {
      // A field that is there and does not read as a number is damage; none at all is the end.
      return fields.startsWith(name.slice(0, -2), from) ? undefined : bytes;
    }
    const start = from + name.length;
    let end = fields.indexOf(' ', start);
    if (end < 0) end = fields.length;
    if (!isWord(fields, start, end)) return undefined;
    bytes += littleEndian(fields, start, end);
    from = end;
    if (sized && bytes.length === WORD_DIGITS) {
      const size = u32At(bytes, 0) ?? 0;
      if (size > 0) most = Math.ceil(size / 8) * WORD_DIGITS;
    }
  }
  return bytes;
}

const KINDS: Readonly<Record<string, ProbeFetch['kind']>> = {
  iommufd_fops_ioctl: 'iommufd',
  vfio_device_fops_unl_ioctl: 'vfio-dev',
};

/** What the probe on an ioctl handler fetched; undefined where a field is damaged. */
export function probeFetch(place: ProbePlace): ProbeFetch | undefined {
  const command = hexField(place.fields, ' cmd=');
  // Return probes of older kernels know the result only.
  const bare = place.returns && !place.fields.includes(' cmd=');
  if (!bare && (command === undefined || command.length > 8)) return undefined;
  const words = structWords(place.fields);
  if (words === undefined) return undefined;
  return {
    kind: KINDS[place.probed],
    command: command === undefined ? undefined : Number.parseInt(command, 16),
    pointer: hexField(place.fields, ' uptr=') ?? '',
    words,
  };
}

/** Whether the probe fetched the buffer that the struct points to. */
export function fetchesSecond(place: ProbePlace): boolean {
  return !place.fields.includes(' w0=') && place.fields.includes(' p0=');
}

/** What it fetched; undefined where a field is damaged. */
export function secondFetch(place: ProbePlace): SecondFetch | undefined {
  const pointer = hexField(place.fields, ' ptr=');
  const words = wordFields(place.fields, SECOND, false);
  return pointer === undefined || words === undefined ? undefined : { pointer, words };
}
