import { describe, expect, it } from 'vitest';
import { ATTEMPT, exchange } from './sample';
import { stepsOf } from './timeline';

describe('the time of an exchange', () => {
  it('is the gateway’s, the attempt’s, and the answer’s', () => {
    expect(stepsOf(exchange()).map(({ name, from, until }) => [name, from, until])).toEqual([
      ['Gateway', 0, 1],
      ['Attempt', 1, 5],
      ['Answer', 6, 8],
    ]);
  });
  it('is all the gateway’s where nothing was sent', () => {
    const steps = stepsOf(exchange({ attempts: [], head_ms: null, error: 'rate-limited', outcome: 'refused' }));
    expect(steps).toMatchObject([{ name: 'Gateway', from: 0, until: 8, tone: 'bad', note: 'refused: rate-limited' }]);
  });
  it('has the pauses between attempts, with their reason', () => {
    const attempts = [
      { ...ATTEMPT, status: 503, retry: 'again after a back-off' },
      { ...ATTEMPT, began_ms: 100, head_ms: 120 },
    ];
    const steps = stepsOf(exchange({ attempts, head_ms: 121, duration_ms: 130 }));
    expect(steps.map((step) => step.name)).toEqual(['Gateway', 'Attempt 1', 'Pause', 'Attempt 2', 'Answer']);
    expect(steps[2]).toMatchObject({ from: 5, until: 100, note: 'again after a back-off' });
  });
  it('ends with the next attempt where one got no answer', () => {
    const attempts = [
      { ...ATTEMPT, status: null, head_ms: null, error: 'connect-failed' },
      { ...ATTEMPT, began_ms: 30, head_ms: 40 },
    ];
    const first = stepsOf(exchange({ attempts }))[1];
    expect(first).toMatchObject({ from: 1, until: 30, tone: 'bad', note: 'failed: connect-failed' });
  });
  it('says that an answer broke off', () => {
    const steps = stepsOf(exchange({ outcome: 'failed', error: 'upstream-closed' }));
    expect(steps.at(-1)).toMatchObject({ name: 'Answer', tone: 'bad', note: 'broke off: upstream-closed' });
  });
});
