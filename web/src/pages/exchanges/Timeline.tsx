/** The steps of an exchange as bars over its time. */

import type { Exchange } from '@/api/exchange';
import { duration } from '@/parts/format';
import { stepsOf, type Step } from './timeline';

export function Timeline({ exchange }: { exchange: Exchange }) {
  const steps = stepsOf(exchange);
  const whole = Math.max(exchange.duration_ms ?? 0, ...steps.map((step) => step.until ?? step.from), 0.001);
  return (
    <ol className="timeline">
      {steps.map((step, number) => {
        const tried = step.attempt;
        return (
          <li key={number} data-tone={step.tone}>
            <div className="timeline-name">
              {step.name}
              {tried !== undefined && (
                <code className="dim cut" title={`${tried.endpoint}${tried.address === null ? '' : ` at ${tried.address}`}`}>
                  {tried.endpoint}
                </code>
              )}
            </div>
            <div className="timeline-track">
              <Bar step={step} whole={whole} />
            </div>
            <div className="timeline-took number">{step.until === null ? '–' : duration(step.until - step.from)}</div>
            <div className="timeline-note">{step.note}</div>
          </li>
        );
      })}
    </ol>
  );
}

function Bar({ step, whole }: { step: Step; whole: number }) {
  const left = Math.min(99.4, (step.from / whole) * 100);
  const width = Math.max(0.6, (((step.until ?? whole) - step.from) / whole) * 100);
  return <span style={{ left: `${left}%`, width: `${Math.min(width, 100 - left)}%` }} />;
}
