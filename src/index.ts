export type { CryptoProvider } from './crypto/provider.ts';
