import { describe, expect, it } from 'vitest';
import { canComeBack, kindOf, partsOf } from './revision';

describe('a line of a summary', () => {
  it('has an action and an object', () => {
    expect(partsOf('update upstream/billing')).toEqual({ action: 'update', object: 'upstream/billing' });
    expect(kindOf('create credential/billing.credential.secret')).toBe('credential');
  });
});

describe('a rollback', () => {
  it('brings back upstreams, consumers, destinations and sections', () => {
    expect(canComeBack(['create credential/a', 'create upstream/a'], 2)).toBe(true);
  });
  it('brings back neither keys nor administrators', () => {
    expect(canComeBack(['create key/a', 'delete administrator/b', 'create token/c'], 3)).toBe(false);
  });
  it('may bring back what isn’t summed up', () => {
    expect(canComeBack(['create key/a'], 30)).toBe(true);
  });
});
