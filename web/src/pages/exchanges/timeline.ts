/** How an exchange spent its time: what its record tells, in the order in which it happened. */

import type { Attempt, Exchange } from '@/api/exchange';
import type { Tone } from '@/parts/Values';

export interface Step {
  name: string;
  attempt?: Attempt;
  /** What came of it. */
  note: string;
  tone: Tone;
  /** Milliseconds since the exchange began; `until` null where the record doesn't know. */
  from: number;
  until: number | null;
}

export function stepsOf(exchange: Exchange): Step[] {
  const { attempts } = exchange;
  const whole = exchange.duration_ms;
  const first = attempts[0];
  const steps: Step[] = [
    {
      name: 'Gateway',
      note: first === undefined ? refusal(exchange) : 'received, resolved, authorized, admitted',
      tone: first === undefined && exchange.error !== null ? 'bad' : 'quiet',
      from: 0,
      until: first === undefined ? whole : first.began_ms,
    },
  ];
  attempts.forEach((attempt, number) => {
    const next = attempts[number + 1];
    const isLast = next === undefined;
    const head = attempt.head_ms;
    const until = head ?? (isLast ? (exchange.head_ms ?? whole) : next.began_ms);
    steps.push({
      name: attempts.length === 1 ? 'Attempt' : `Attempt ${number + 1}`,
      attempt,
      note: [outcomeOf(attempt, until), isLast ? attempt.retry : null].filter(Boolean).join(', '),
      tone: toneOf(attempt),
      from: attempt.began_ms,
      until,
    });
    if (next !== undefined && head !== null && next.began_ms - head > 0.5) {
      steps.push({ name: 'Pause', note: attempt.retry ?? '', tone: 'quiet', from: head, until: next.began_ms });
    }
  });
  if (attempts.length > 0 && exchange.head_ms !== null && whole !== null) {
    const isCut = exchange.error !== null && exchange.outcome === 'failed';
    steps.push({
      name: 'Answer',
      note: isCut ? `broke off: ${exchange.error ?? ''}` : 'relayed to the caller',
      tone: isCut ? 'bad' : 'good',
      from: exchange.head_ms,
      until: whole,
    });
  }
  return steps;
}

function refusal({ outcome, error }: Exchange): string {
  if (outcome === 'interrupted') return 'the process ended in the middle of it';
  return error === null ? 'answered by the gateway itself' : `refused: ${error}`;
}

function outcomeOf(attempt: Attempt, until: number | null): string {
  if (attempt.error !== null) return `failed: ${attempt.error}`;
  if (attempt.status !== null) return `answered ${attempt.status}`;
  return until === null ? 'its end isn’t known' : 'no answer';
}

function toneOf(attempt: Attempt): Tone {
  if (attempt.error !== null || attempt.status === null || attempt.status >= 500) return 'bad';
  return attempt.status >= 400 ? 'warn' : 'note';
}
