import { EMPTY } from '../../lib/bytes.ts';
import { fromUtf8, utf8 } from '../../lib/text.ts';

/**
 * What a control message says: names to values, lists of values, and messages within. The order of names is kept,
 * save that names which are whole numbers come first (so it is with the language's own objects).
 */
export interface Message {
  readonly [name: string]: Element;
}

export type Element = Value | readonly Value[] | Message;

/** Octets that are UTF-8 are read as text; what is not stays octets. Both are written alike. */
export type Value = string | Uint8Array;

export const NOTHING: Message = Object.freeze(Object.create(null));

export function isList(element: Element | undefined): element is readonly Value[] {
  return Array.isArray(element);
}

export function isSection(element: Element | undefined): element is Message {
  return typeof element === 'object' && !Array.isArray(element) && !(element instanceof Uint8Array);
}

/** The text under `name`; undefined when there is none, or a list or section instead. Octets that are no text become U+FFFD. */
export function textOf(message: Message, name: string): string | undefined {
  const element = message[name];
  if (typeof element === 'string') return element;
  return element instanceof Uint8Array ? fromUtf8(element) : undefined;
}

/** The octets under `name`; undefined when there is no single value. */
export function octetsOf(message: Message, name: string): Uint8Array | undefined {
  const element = message[name];
  if (typeof element === 'string') return element === '' ? EMPTY : utf8(element);
  return element instanceof Uint8Array ? element : undefined;
}

/** The list under `name` as texts; empty when there is none. */
export function listOf(message: Message, name: string): readonly string[] {
  const element = message[name];
  if (!isList(element)) return [];
  return element.map(value => (typeof value === 'string' ? value : fromUtf8(value)));
}

/** The section under `name`; empty when there is none. */
export function sectionOf(message: Message, name: string): Message {
  const element = message[name];
  return isSection(element) ? element : NOTHING;
}

/** The sections directly inside, with their names; values and lists are passed over. */
export function sectionsOf(message: Message): readonly (readonly [name: string, section: Message])[] {
  return Object.entries(message).filter((entry): entry is [string, Message] => isSection(entry[1]));
}

/** The number under `name` in decimal; undefined when there is none. */
export function numberOf(message: Message, name: string): number | undefined {
  const text = textOf(message, name);
  return text !== undefined && /^-?\d{1,15}(\.\d{1,6})?$/.test(text) ? Number(text) : undefined;
}

/** Whether `name` says yes. */
export function saysYes(message: Message, name: string): boolean {
  return textOf(message, name) === 'yes';
}

/** What is defined of `elements`: for messages whose parts may be absent. */
export function messageOf(elements: Readonly<Record<string, Element | undefined>>): Message {
  const message: Record<string, Element> = Object.create(null);
  for (const [name, element] of Object.entries(elements)) if (element !== undefined) message[name] = element;
  return message;
}
