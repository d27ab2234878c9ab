import type { Secret } from '../lib/secret.ts';

/**
 * About how many bits of guessing a secret that people chose is worth, at most: what it is made of, less what a list
 * of words, a run or a repetition would save a guesser. It tells keys that fall within days from those that do not.
 */
export function secretStrength(secret: Secret): number {
  const text = secret.reveal().slice(0, LONGEST);
  const each = Math.log2(alphabetOf(text));
  const plain = text.map(plainOf);
  let bits = 0;
  for (let at = 0; at < text.length; ) {
    const found = shortcutAt(text, plain, at, each);
    bits += found?.bits ?? each;
    at += found?.length ?? 1;
  }
  text.fill(0);
  plain.fill(0);
  return Math.floor(bits);
}

/** Beyond this a secret is as good as one can be, or a repetition. */
const LONGEST = 256;

/** Some octets that are guessed together. */
interface Shortcut {
  readonly length: number;
  readonly bits: number;
}

/** Least octets of a run, of a repetition and of a word. */
const RUN = 3;
const WORD = 4;

/** What a guesser tries first. */
const WORDS = [
  'password passwort passwd secret geheim admin root login letmein welcome changeme default cisco juniper fortinet',
  'sonicwall strongswan openswan libreswan ipsec tunnel gateway firewall router server client office remote access',
  'network branch vpn key psk preshared shared test demo lab temp guest user master qwerty qwertz asdf zxcv',
  'summer winter spring autumn monday friday dragon monkey company example abc',
]
  .flatMap(line => line.split(' '))
  .map(word => Array.from(word, letter => letter.charCodeAt(0)))
  .sort((a, b) => b.length - a.length);

function shortcutAt(text: Uint8Array, plain: Uint8Array, at: number, each: number): Shortcut | undefined {
  const repeated = repetitionAt(text, at);
  if (repeated >= RUN)
    return { length: repeated, bits: Math.min(each * repeated, 2 + Math.log2(text.length)) };
  for (const step of [0, 1, -1]) {
    const length = runAt(text, at, step);
    if (length >= RUN) return { length, bits: each + 2 + Math.log2(length) };
  }
  const word = WORDS.find(letters => letters.every((letter, i) => plain[at + i] === letter));
  if (word !== undefined) return { length: word.length, bits: Math.min(10, each * word.length) };
  const letters = wordAt(plain, at);
  // About what English tells by a letter, and a choice of where it was taken from.
  return letters < WORD ? undefined : { length: letters, bits: Math.min(each * letters, 6 + 2 * letters) };
}

/** How many octets from `at` on stand further to the front already. */
function repetitionAt(text: Uint8Array, at: number): number {
  let best = 0;
  for (let from = 0; from < at; from++) {
    let length = 0;
    while (at + length < text.length && from + length < at && text[from + length] === text[at + length])
      length++;
    best = Math.max(best, length);
  }
  return best;
}

/** How many octets from `at` on differ by `step`: `aaa`, `abc`, `321`. */
function runAt(text: Uint8Array, at: number, step: number): number {
  let length = 1;
  while (at + length < text.length && (text[at + length] ?? 0) - (text[at + length - 1] ?? 0) === step)
    length++;
  return length;
}

const VOWELS = new Set(Array.from('aeiouy', letter => letter.charCodeAt(0)));

/** How many letters from `at` on read like words: vowels where words have them. */
function wordAt(plain: Uint8Array, at: number): number {
  let length = 0;
  let vowels = 0;
  let consonants = 0;
  for (let octet = plain[at] ?? 0; isLetter(octet) && consonants < 4; octet = plain[at + length] ?? 0) {
    const isVowel = VOWELS.has(octet);
    if (isVowel) vowels++;
    consonants = isVowel ? 0 : consonants + 1;
    length++;
  }
  return vowels >= length * 0.25 && vowels <= length * 0.7 && consonants < 4 ? length : 0;
}

function isLetter(octet: number): boolean {
  return octet >= 0x61 && octet <= 0x7a;
}

/** Digits and signs that people put in the place of letters. */
const STAND_INS: ReadonlyMap<number, number> = new Map(
  ['@a', '4a', '3e', '1i', '!i', '0o', '$s', '5s', '7t'].map(pair => [
    pair.charCodeAt(0),
    pair.charCodeAt(1),
  ]),
);

/** The letter that an octet stands for, in lower case; anything else is itself. */
function plainOf(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : (STAND_INS.get(octet) ?? octet);
}

const HEX = /^[0-9a-f]$|^[0-9A-F]$/;

/** How many different octets such a secret is drawn from, by the kinds of those in it. */
function alphabetOf(text: Uint8Array): number {
  const kinds = new Set(Array.from(text, kindOf));
  if (kinds.has('other')) return 256;
  if (text.length >= 16 && text.every(octet => HEX.test(String.fromCharCode(octet)))) return 16;
  return [...kinds].reduce((sum, kind) => sum + SIZES[kind], 0) || 1;
}

type Kind = 'lower' | 'upper' | 'digit' | 'sign' | 'other';

const SIZES: Readonly<Record<Kind, number>> = { lower: 26, upper: 26, digit: 10, sign: 33, other: 256 };

function kindOf(octet: number): Kind {
  if (octet < 0x20 || octet > 0x7e) return 'other';
  if (isLetter(octet)) return 'lower';
  if (octet >= 0x41 && octet <= 0x5a) return 'upper';
  return octet >= 0x30 && octet <= 0x39 ? 'digit' : 'sign';
}
