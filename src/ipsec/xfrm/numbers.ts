/** The numbers of linux/xfrm.h and linux/netlink.h that are used here. */

export const Message = {
  NEWSA: 16,
  DELSA: 17,
  GETSA: 18,
  DELPOLICY: 20,
  GETPOLICY: 21,
  ALLOCSPI: 22,
  ACQUIRE: 23,
  EXPIRE: 24,
  UPDPOLICY: 25,
  UPDSA: 26,
  FLUSHSA: 28,
  FLUSHPOLICY: 29,
  GETAE: 31,
  MIGRATE: 33,
  MAPPING: 38,
} as const;

export const Attribute = {
  ALG_CRYPT: 2,
  ALG_COMP: 3,
  ENCAP: 4,
  TMPL: 5,
  LTIME_VAL: 9,
  REPLAY_VAL: 10,
  SRCADDR: 13,
  LASTUSED: 15,
  MIGRATE: 17,
  ALG_AEAD: 18,
  ALG_AUTH_TRUNC: 20,
  MARK: 21,
  TFCPAD: 22,
  REPLAY_ESN_VAL: 23,
  SA_EXTRA_FLAGS: 24,
  OFFLOAD_DEV: 28,
  SET_MARK: 29,
  SET_MARK_MASK: 30,
  IF_ID: 31,
} as const;

/** Multicast groups by number. */
export const Group = { ACQUIRE: 1, EXPIRE: 2, MIGRATE: 7, MAPPING: 8 } as const;

export const Direction = { IN: 0, OUT: 1, FWD: 2 } as const;

/** `XFRM_MODE_…` */
export const Mode = { transport: 0, tunnel: 1, beet: 4 } as const;

/** IP protocol numbers. */
export const Protocol = { esp: 50, ah: 51, ipcomp: 108 } as const;

export type KernelProtocol = keyof typeof Protocol;

/** No limit. */
export const INFINITE = 0xffff_ffff_ffff_ffffn;
