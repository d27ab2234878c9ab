import { SECOND } from '../lib/time.ts';
import type { EngineSettings } from './output.ts';

/** What holds where the configuration says nothing: the field's values. */
export const DEFAULT_SETTINGS: EngineSettings = {
  port: 500,
  natPort: 4500,
  retransmitTimeout: 4 * SECOND,
  retransmitBase: 1.8,
  retransmitTries: 5,
  retransmitLimit: 0,
  ikeSaLimit: 0,
  initiatorOnly: false,
  reuseIkeSa: true,
  makeBeforeBreak: true,
  halfOpenTimeout: 30 * SECOND,
  cookieThreshold: 30,
  cookieThresholdPerAddress: 3,
  blockThreshold: 5,
  halfOpenLimit: 10_000,
  fragmentSize: 1280,
  natKeepAlive: 20 * SECOND,
  retryInitiateInterval: 0,
  allowAggressivePsk: false,
  signatureAuthentication: true,
  multipleAuthentication: true,
  deleteRekeyedDelay: 5 * SECOND,
  traceMessages: false,
  saveKeys: false,
};
