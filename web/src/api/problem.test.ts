import { describe, expect, it } from 'vitest';
import { ask } from './client';
import { parseProblem, Problem } from './problem';

const refusal = (status: number, body?: unknown) =>
  Promise.resolve({ error: body, response: new Response(null, { status, headers: { 'exeat-request-id': 'abc' } }) });

describe('a refusal', () => {
  it('keeps what the API says of it', () => {
    const body = {
      code: 'invalid', title: 'It isn’t valid', detail: 'One thing is wrong.', hint: 'Mend it.', request_id: 'x',
      problems: [{ pointer: '/credential/secret', message: 'is missing' }, 'nonsense'],
    }; // prettier-ignore
    const problem = parseProblem(new Response(null, { status: 422 }), body);
    expect(problem).toMatchObject({ status: 422, code: 'invalid', detail: 'One thing is wrong.', requestId: 'x' });
    expect(problem.byField).toEqual({ 'credential.secret': 'is missing' });
  });
  it('is told even where nothing can be read of it', async () => {
    await expect(ask(refusal(502, '<html>'))).rejects.toMatchObject({ status: 502, requestId: 'abc' });
  });
  it('is told apart from nobody answering', async () => {
    const failed = ask(Promise.reject(new TypeError('Failed to fetch')));
    await expect(failed).rejects.toBeInstanceOf(Problem);
    await expect(failed).rejects.toMatchObject({ status: 0, code: 'unreachable' });
  });
});
