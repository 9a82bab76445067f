import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstFault } from '../traces/field.ts';
import { parseLine } from '../traces/format.ts';
import { lineFields } from '../traces/line-fields.ts';
import { TraceFormatError } from '../traces/trace-format-error.ts';

const at = { file: 'run.jsonl', line: 7 };
const call = { seq: 3, ns: 2016794930, pid: 48, tid: 48 };
const header = {
  ev: 'trace',
  format: 'iommufd-rec',
  version: 2,
  kernel: '7.3.4',
  arch: 'x86_64',
  pageSize: 4096,
  program: 'p',
  iommu: 'selftest mock',
};
const ioctl = {
  ...call,
  ev: 'ioctl',
  fd: 3,
  kind: 'iommufd',
  req: '0x3b81',
  arg: '0x7ffdaee056e4',
  in: '0c0000000000000000000000',
  ret: -1,
  errno: 22,
  dur: 1200,
};

const accepted: readonly object[] = [
  header,
  {
    ...header,
    machine: {
      driver: 'intel-iommu',
      scalableMode: true,
      cap: '0xd2008c222f0606',
      addressWidth: 48,
      devices: [
        {
          path: '/dev/vfio/devices/vfio0',
          bdf: '0000:00:02.0',
          group: 2,
          members: [],
          reserved: [['0x0', '0xf', 'msi']],
        },
      ],
    },
  },
  { ev: 'program', seed: 17, seq: 1 },
  { ...call, ev: 'cred', uid: 0, memlock: '0x800000', capEff: '0x1ffffffffff' },
  {
    ...call,
    ev: 'vmas',
    vmas: [
      ['0x1000', '0x2000', 'rw-p', 'anon', 0, '0x0'],
      ['0x2000', '0x3000', 'rw-s', 'hugetlb', 7, '0x0', 'huge'],
    ],
  },
  { ...call, ev: 'open', path: '/dev/iommu', fd: 3 },
  { ...call, ev: 'open', path: '/dev/iommu', errno: 2 },
  { ...call, ev: 'open', path: '/dev/iommu', nextFd: 3 },
  { ...call, ev: 'dup', fd: 3, kind: 'iommufd', ret: 4 },
  { ...call, ev: 'close', fd: 3, kind: 'access' },
  { ...call, ev: 'fork', parent: 47 },
  { ...call, ev: 'exit' },
  ioctl,
  {
    ...ioctl,
    ret: 0,
    errno: undefined,
    out: '0C00000000000000000000ff',
    ptr: '0x0',
    ptrIn: '',
    ptrOut: '00',
  },
  { ...ioctl, ret: undefined, errno: undefined, dur: undefined, nextFd: 5 },
  { ...ioctl, file: { fd: 3, ino: 69, size: '0x10000', type: 'memfd' } },
  { ...ioctl, file: { fd: 3, errno: 9 } },
  { ...call, ev: 'read', fd: 5, kind: 'fault', len: 40, ret: 2, data: '0001' },
  { ...call, ev: 'read', fd: 5, kind: 'fault', len: 40 },
  { ...call, ev: 'write', fd: 5, kind: 'eventq', len: 1, ret: -1, errno: 29, data: '03' },
  { ...call, ev: 'poll', fd: 5, kind: 'fault', events: 5, revents: 0 },
  {
    ...call,
    ev: 'mmap',
    fd: 4,
    kind: 'iommufd',
    len: '0x2000',
    prot: 3,
    flags: 1,
    off: '0x1000',
    addr: '0xffffffffffffffff',
    errno: 6,
  },
  { ...call, ev: 'ftruncate', fd: 5, ino: 69, size: '0x8000', ret: 0 },
];

const refused: readonly [string, unknown, RegExp][] = [
  ['an array', [1], /^run\.jsonl:7: TRC001-not-json: expected a JSON object, found \[1\]$/],
  ['null', null, /TRC001-not-json/],
  [
    'an unknown event',
    { ...call, ev: 'ioctl2' },
    /TRC002-unknown-event: expected ev to be one of trace, .*, found "ioctl2"$/,
  ],
  ['an event named like a method', { ev: 'toString' }, /TRC002/],
  ['no event', {}, /TRC002-unknown-event.*found none$/],
  [
    'another format',
    { ...header, format: 'x' },
    /TRC003-bad-header: expected format of trace to be "iommufd-rec", found "x"$/,
  ],
  [
    'another version',
    { ...header, version: 3 },
    /TRC003-bad-header: expected version of trace to be 2, found 3$/,
  ],
  ['a header without kernel', { ...header, kernel: undefined }, /TRC004-missing-field/],
  [
    'a device without group',
    { ...header, machine: { driver: 'x', devices: [{ path: 'p' }] } },
    /TRC005.*devices/,
  ],
  [
    'no fd',
    { ...ioctl, fd: undefined },
    /TRC004-missing-field: expected fd of ioctl to be a signed 32-bit number, found none$/,
  ],
  ['no ns', { ...ioctl, ns: undefined }, /TRC004-missing-field: expected ns of ioctl/],
  [
    'no data of a write',
    { ...call, ev: 'write', fd: 5, kind: 'fault', len: 1 },
    /TRC004-missing-field: expected data/,
  ],
  [
    'an open without fd',
    { ...call, ev: 'open', path: 'p' },
    /TRC004-missing-field: expected fd, errno or nextFd/,
  ],
  ['a number as req', { ...ioctl, req: 15233 }, /TRC005-ill-typed-field: expected req .* found 15233$/],
  ['decimal arg', { ...ioctl, arg: '123' }, /TRC005-ill-typed-field/],
  ['0x alone', { ...ioctl, arg: '0x' }, /TRC005-ill-typed-field/],
  ['a fractional seq', { ...ioctl, seq: 1.5 }, /TRC005-ill-typed-field/],
  ['a negative dur', { ...ioctl, dur: -1 }, /TRC005-ill-typed-field/],
  [
    'null for errno',
    { ...ioctl, errno: null },
    /TRC005-ill-typed-field: expected errno of ioctl to be a number from 1 to 4095, found null$/,
  ],
  ['errno 0', { ...ioctl, errno: 0 }, /TRC005-ill-typed-field/],
  [
    'an unknown kind',
    { ...ioctl, kind: 'socket' },
    /TRC005-ill-typed-field: expected kind .* one of iommufd,/,
  ],
  [
    'a vma of five',
    { ...call, ev: 'vmas', vmas: [['0x1', '0x2', 'rw-p', 'anon', 0]] },
    /TRC005-ill-typed-field/,
  ],
  [
    'odd hex',
    { ...ioctl, in: '0c0' },
    /TRC006-bad-hex: expected in of ioctl to be two hexadecimal digits a byte, found "0c0"$/,
  ],
  [
    'no hex',
    { ...ioctl, out: '0g' },
    /TRC006-bad-hex: expected out of ioctl to be hexadecimal digits, found "0g"$/,
  ],
  ['non-ASCII hex', { ...ioctl, ptrIn: '0é' }, /TRC006-bad-hex/],
  ['65 bits of address', { ...ioctl, arg: '0x10000000000000000' }, /TRC007-beyond-64-bits/],
  ['a number of 2^64', { ...ioctl, ns: 2 ** 64 }, /TRC007-beyond-64-bits: .* found 18446744073709552000$/],
];

describe('parseLine', () => {
  it.each(accepted.map((line) => JSON.stringify(line)))('accepts %s', (text) => {
    expect(parseLine(text, at)).toEqual(JSON.parse(text));
  });

  it.each(refused)('refuses %s', (_, line, message) => {
    const parse = () => parseLine(JSON.stringify(line), at);
    expect(parse).toThrow(TraceFormatError);
    expect(parse).toThrow(message);
  });

  it.each([
    ['', /^run\.jsonl:7: TRC001-not-json: expected a JSON object, found the end of the line$/],
    ['{"ev":"ioctl","in":"0c', /TRC001-not-json: .* found the end of the line/],
    ['{"ev":ioctl}', /TRC001-not-json: expected a JSON object, found ".*ioctl}" with an unexpected "i"$/],
    ['\u0001\u001b[31m', /TRC001-not-json: .* found "\\u0001\\u001b\[31m" with an unexpected "\\u0001"$/],
    ['{"ev":"exit" "seq":0}', /TRC001-not-json: .* found "\\"seq\\":0}" at column 14$/],
    [`{"ev":"exit","seq":0,"pid":1,"tid":1,"ns":1e400}`, /TRC007-beyond-64-bits/],
  ])('refuses the text %j', (text, message) => {
    expect(() => parseLine(text, at)).toThrow(message);
  });

  it('lets unknown fields pass', () => {
    expect(parseLine(JSON.stringify({ ...ioctl, comm: 'qemu' }), at)).toMatchObject({ ev: 'ioctl' });
  });

  it('judges the usual ioctl as the table of fields does', () => {
    const odd = fc.constantFrom<unknown>(
      null,
      true,
      '',
      '0',
      '0x',
      '0xfg',
      'zz',
      [],
      {},
      -1,
      0.5,
      2 ** 31,
      2 ** 53,
      2 ** 64,
    );
    const name = fc.constantFrom(...Object.keys(lineFields.ioctl));
    const changes = fc.dictionary(name, fc.oneof(odd, fc.jsonValue(), fc.constant(undefined)), {
      maxKeys: 2,
    });
    fc.assert(
      fc.property(changes, (changed) => {
        const text = JSON.stringify({ ...ioctl, ...changed });
        const fault = firstFault(Object.entries(lineFields.ioctl), JSON.parse(text));
        if (fault) expect(() => parseLine(text, at)).toThrow(fault[1].code);
        else expect(parseLine(text, at)).toEqual(JSON.parse(text));
      }),
    );
  });
});
