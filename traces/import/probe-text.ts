/** The body of a probe event as text: `(function+0x4/0x166) cmd=0x3b81 w0=0xc …`. */
import type { ProbeFetch, SecondFetch } from './kernel-event.ts';
import { isWord, littleEndian } from './memory-order.ts';

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

/** The digits of `name=0x…` in `fields`; undefined where there is no such number. */
export function hexField(fields: string, name: string): string | undefined {
  const from = fields.indexOf(` ${name}=`);
  if (from < 0) return undefined;
  let at = from + name.length + 2;
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

/** The words `prefix0= prefix8= …` in memory order, as far as they go without a gap; undefined where one is no number. */
export function wordFields(fields: string, prefix: string): string | undefined {
  let from = fields.indexOf(` ${prefix}0=`);
  if (from < 0) return '';
  let bytes = '';
  for (let offset = 0; ; offset += 8) {
    const name = ` ${prefix}${offset}=0x`;
    if (!fields.startsWith(name, from)) {
      // A field that is there and does not read as a number is damage; none at all is the end.
      return fields.startsWith(` ${prefix}${offset}=`, from) ? undefined : bytes;
    }
    const start = from + name.length;
    let end = fields.indexOf(' ', start);
    if (end < 0) end = fields.length;
    if (!isWord(fields, start, end)) return undefined;
    bytes += littleEndian(fields, start, end);
    from = end;
  }
}

const KINDS: Readonly<Record<string, ProbeFetch['kind']>> = {
  iommufd_fops_ioctl: 'iommufd',
  vfio_device_fops_unl_ioctl: 'vfio-dev',
};

/** What the probe on an ioctl handler fetched; undefined where a field is damaged. */
export function probeFetch(place: ProbePlace): ProbeFetch | undefined {
  const command = hexField(place.fields, 'cmd');
  // Return probes of older kernels know the result only.
  const bare = place.returns && !place.fields.includes(' cmd=');
  if (!bare && (command === undefined || command.length > 8)) return undefined;
  const words = wordFields(place.fields, 'w');
  if (words === undefined) return undefined;
  return {
    kind: KINDS[place.probed],
    command: command === undefined ? undefined : Number.parseInt(command, 16),
    pointer: hexField(place.fields, 'uptr') ?? '',
    words,
  };
}

/** Whether the probe fetched the buffer that the struct points to. */
export function fetchesSecond(place: ProbePlace): boolean {
  return place.fields.includes(' p0=');
}

/** What it fetched; undefined where a field is damaged. */
export function secondFetch(place: ProbePlace): SecondFetch | undefined {
  const pointer = hexField(place.fields, 'ptr');
  const words = wordFields(place.fields, 'p');
  return pointer === undefined || words === undefined ? undefined : { pointer, words };
}
