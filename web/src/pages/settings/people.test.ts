import { describe, expect, it } from 'vitest';
import { faultOfPassword, patchOf, rolesUpTo, type Administrator } from './people';

const maria: Administrator = {
  name: 'maria', role: 'operator', disabled: false, has_password: true, created_at: '2026-01-01T00:00:00Z', revision: 3,
  warnings: [],
}; // prettier-ignore

describe('a change of an administrator', () => {
  it('has only what is different', () => {
    expect(patchOf(maria, 'operator', false, '')).toEqual({});
    expect(patchOf(maria, 'viewer', true, '')).toEqual({ role: 'viewer', disabled: true });
    expect(patchOf(maria, 'operator', false, 'a long password')).toEqual({ password: 'a long password' });
  });
});

describe('a role', () => {
  it('is at most one’s own', () => {
    expect(rolesUpTo('operator').map(({ value }) => value)).toEqual(['viewer', 'operator']);
    expect(rolesUpTo('viewer').map(({ value }) => value)).toEqual(['viewer']);
  });
});

describe('a password', () => {
  it('has at least twelve characters, and is no fault before it is typed', () => {
    expect(faultOfPassword('')).toBeNull();
    expect(faultOfPassword('elevenchars')).toBe('At least 12 characters: 1 more');
    expect(faultOfPassword('twelve-chars')).toBeNull();
  });
});
