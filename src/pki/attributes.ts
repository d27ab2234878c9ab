import { Tag } from './der.ts';

/** One attribute type of distinguished names: how it is written, and the string type that its definition demands. */
export interface AttributeType {
  readonly oid: string;
  /** The first is printed; all are read, in any case. */
  readonly names: readonly string[];
  /** Absent: PrintableString where the characters allow it, otherwise UTF8String. */
  readonly tag?: number;
}

/** The short names that strongSwan's configurations use, so that a name reads the same in both. */
export const ATTRIBUTES: readonly AttributeType[] = [
  { oid: '2.5.4.3', names: ['CN', 'commonName'] },
  { oid: '2.5.4.6', names: ['C', 'countryName'], tag: Tag.PrintableString },
  { oid: '2.5.4.10', names: ['O', 'organizationName'] },
  { oid: '2.5.4.11', names: ['OU', 'organizationalUnitName'] },
  { oid: '2.5.4.7', names: ['L', 'localityName'] },
  { oid: '2.5.4.8', names: ['ST', 'stateOrProvinceName'] },
  { oid: '1.2.840.113549.1.9.1', names: ['E', 'emailAddress', 'Email'], tag: Tag.IA5String },
  { oid: '0.9.2342.19200300.100.1.25', names: ['DC', 'domainComponent'], tag: Tag.IA5String },
  { oid: '0.9.2342.19200300.100.1.1', names: ['UID', 'userId'] },
  { oid: '2.5.4.4', names: ['S', 'surname'] },
  { oid: '2.5.4.5', names: ['SN', 'serialNumber'], tag: Tag.PrintableString },
  { oid: '2.5.4.9', names: ['street', 'streetAddress'] },
  { oid: '2.5.4.12', names: ['T', 'title'] },
  { oid: '2.5.4.13', names: ['D', 'description'] },
  { oid: '2.5.4.17', names: ['postalCode'] },
  { oid: '2.5.4.41', names: ['N', 'name'] },
  { oid: '2.5.4.42', names: ['G', 'givenName'] },
  { oid: '2.5.4.43', names: ['I', 'initials'] },
  { oid: '2.5.4.44', names: ['generationQualifier'] },
  { oid: '2.5.4.45', names: ['ID', 'uniqueIdentifier'] },
  { oid: '2.5.4.46', names: ['dnQualifier'], tag: Tag.PrintableString },
  { oid: '2.5.4.54', names: ['dmdName'] },
  { oid: '2.5.4.65', names: ['pseudonym'] },
  { oid: '2.5.4.97', names: ['organizationIdentifier'] },
  { oid: '2.16.840.1.113730.3.1.3', names: ['EN', 'employeeNumber'] },
  { oid: '1.2.840.113549.1.9.2', names: ['UN', 'unstructuredName'] },
  { oid: '1.2.840.113549.1.9.8', names: ['UA', 'unstructuredAddress'] },
];
