import { TransformType } from '../iana/ikev2.ts';
import { KeMethod, SequenceNumbers, type Transform } from '../iana/transforms.ts';
import type { Algorithm, Protocol, Status } from './algorithm.ts';
import { ENCRYPTION } from './encr/registry.ts';
import { INTEGRITY } from './integ/registry.ts';
import { KEY_EXCHANGES } from './ke/registry.ts';
import { PRFS } from './prf/registry.ts';

/** What a keyword of a proposal stands for. */
export interface Keyword {
  readonly text: string;
  readonly transform: Transform;
  readonly uses: readonly Protocol[];
  readonly status: Status;
}

/** Transform types of additional key exchanges, by the number in `ke1_…` … `ke7_…` (RFC 9370 §2.2.1). */
export const ADDITIONAL_KES: readonly number[] = [
  TransformType.ADDKE1,
  TransformType.ADDKE2,
  TransformType.ADDKE3,
  TransformType.ADDKE4,
  TransformType.ADDKE5,
  TransformType.ADDKE6,
  TransformType.ADDKE7,
];

/** Whether a transform type is one of ADDKE1 … ADDKE7. */
export function isAdditionalKe(type: number): boolean {
  return type >= TransformType.ADDKE1 && type <= TransformType.ADDKE7;
}

/** The meanings of a keyword in a protocol's proposals: `aes128gmac` is a cipher in ESP and integrity in AH. */
export function keywordsOf(text: string): readonly Keyword[] {
  return byText.get(text) ?? [];
}

/**
 * The canonical keyword of a transform; for one that has none, what a person may make of it: its type and number.
 */
export function keywordOf(transform: Transform): string {
  const { type, id, keyLength } = transform;
  const known = canonical.get(signature(transform));
  if (known !== undefined) return known;
  const name = TYPE_NAMES.get(type) ?? `type${type}`;
  return keyLength === undefined ? `${name}:${id}` : `${name}:${id}/${keyLength}`;
}

/** What a transform stands in the registries for; undefined when it is not known here. */
export function meaningOf(transform: Transform): Keyword | undefined {
  const text = canonical.get(signature(transform));
  return text === undefined
    ? undefined
    : byText.get(text)?.find(({ transform: { type } }) => type === transform.type);
}

/** The known keyword that `text` is most likely meant to be; undefined when none is near. */
export function nearestKeyword(text: string, protocol: Protocol): string | undefined {
  let nearest: string | undefined;
  let least = Math.max(2, Math.floor(Math.min(text.length, LONGEST) / 3)) + 1;
  for (const [candidate, meanings] of byText) {
    if (!meanings.some(({ uses }) => uses.includes(protocol))) continue;
    const weak = meanings.every(({ status }) => status === 'weak');
    const distance = editDistance(text.slice(0, LONGEST), candidate) + (weak ? RELUCTANCE : 0);
    if (distance < least) [nearest, least] = [candidate, distance];
  }
  return nearest;
}

const TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [TransformType.ENCR, 'encr'],
  [TransformType.PRF, 'prf'],
  [TransformType.INTEG, 'integ'],
  [TransformType.KE, 'ke'],
  [TransformType.SN, 'sn'],
  ...ADDITIONAL_KES.map((type, i) => [type, `ke${i + 1}`] as const),
]);

const IPSEC: readonly Protocol[] = ['esp', 'ah'];

/** Canonical keywords stand before their aliases. */
const ALL: readonly Keyword[] = [
  ...ENCRYPTION.flatMap(row =>
    row.keywords.flatMap(({ keyLength, names }) =>
      names.map(text =>
        keyword(text, row, {
          type: TransformType.ENCR,
          id: row.id,
          ...(row.keyLengthAttribute ? { keyLength } : {}),
        }),
      ),
    ),
  ),
  ...PRFS.flatMap(row =>
    row.keywords.map(text => keyword(text, row, { type: TransformType.PRF, id: row.id })),
  ),
  ...INTEGRITY.flatMap(row =>
    row.keywords.map(text => keyword(text, row, { type: TransformType.INTEG, id: row.id })),
  ),
  ...KEY_EXCHANGES.flatMap(row => [
    ...row.keywords.map(text => keyword(text, row, { type: TransformType.KE, id: row.id })),
    ...ADDITIONAL_KES.flatMap((type, i) =>
      row.keywords.map(text => keyword(`ke${i + 1}_${text}`, row, { type, id: row.id })),
    ),
  ]),
  { text: 'none', transform: { type: TransformType.KE, id: KeMethod.NONE }, uses: IPSEC, status: 'allowed' },
  ...ADDITIONAL_KES.map(
    (type, i): Keyword => ({
      text: `ke${i + 1}_none`,
      transform: { type, id: KeMethod.NONE },
      uses: ['ike', 'esp', 'ah'],
      status: 'allowed',
    }),
  ),
  {
    text: 'noesn',
    transform: { type: TransformType.SN, id: SequenceNumbers.SEQUENTIAL_32 },
    uses: IPSEC,
    status: 'default',
  },
  {
    text: 'esn',
    transform: { type: TransformType.SN, id: SequenceNumbers.PARTIAL_64 },
    uses: IPSEC,
    status: 'allowed',
  },
];

const byText: ReadonlyMap<string, readonly Keyword[]> = Map.groupBy(ALL, ({ text }) => text);

const canonical: ReadonlyMap<number, string> = new Map(
  [...ALL].reverse().map(({ text, transform }) => [signature(transform), text]),
);

/** Nobody is led to a weak algorithm by a slip of the pen, unless nothing else is near. */
const RELUCTANCE = 1.5;

const LONGEST = Math.max(...ALL.map(({ text }) => text.length)) + 2;

function keyword(text: string, { uses, status }: Algorithm, transform: Transform): Keyword {
  return { text, transform, uses, status };
}

/** Type, ID and key length in one number; none is another length than 0. */
function signature({ type, id, keyLength = -1 }: Transform): number {
  return (type * 0x10000 + id) * 0x10001 + keyLength + 1;
}

/** Insertions, deletions, replacements that turn one text into the other (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
