import { describe, expect, it } from 'vitest';
import { decisionsOf } from './decisions';
import { exchange } from './sample';

const outcomes = (change: Parameters<typeof exchange>[0]) => decisionsOf(exchange(change)).map((one) => one.outcome);

describe('decisions', () => {
  it('have all passed where something was sent, whatever became of it', () => {
    expect(outcomes({ error: 'overloaded', outcome: 'failed' })).toEqual(Array(5).fill('passed'));
  });
  it('end in the phase of the code, with its reason', () => {
    const refused = { error: 'method-not-granted', reason: 'Only GET is granted.', attempts: [] };
    expect(outcomes(refused)).toEqual(['passed', 'passed', 'passed', 'refused', 'skipped']);
    expect(decisionsOf(exchange(refused))[3]?.text).toBe('Only GET is granted.');
  });
  it('say what report mode let pass', () => {
    expect(outcomes({ decision: 'report', reason: 'No grant.' })[3]).toBe('reported');
  });
});
