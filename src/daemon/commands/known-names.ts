import { nearest } from '../../config/index.ts';

/** More names than this are counted instead of told. */
const TOLD = 12;

/** What to do about a name that is not there: the one that was probably meant, and those that there are. */
export function otherNames(name: string, known: readonly string[], what: string): string {
  if (known.length === 0) return `no ${what} is configured`;
  const meant = nearest(name, known);
  const more = known.length > TOLD ? ` and ${known.length - TOLD} more` : '';
  const list = `configured are: ${known.slice(0, TOLD).join(', ')}${more}`;
  return meant === undefined ? list : `did you mean "${meant}"? ${list}`;
}
