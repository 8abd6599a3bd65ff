/** Values over time: stacked bars for what is counted, lines for what is measured. */

import { useElementSize } from '@mantine/hooks';
import { useState, type PointerEvent } from 'react';
import { useLocation } from 'wouter';
import type { Tone } from '@/parts/Values';
import { moment } from '@/parts/format';
import { ceiling, marks, type Bucket } from './scale';

export interface Series {
  name: string;
  tone: Tone;
}

interface Props {
  kind: 'bars' | 'lines';
  series: Series[];
  buckets: Bucket[];
  stepMs: number;
  /** What the chart shows, for those who can't see it. */
  label: string;
  format: (value: number) => string;
  /** Where a click on a bucket leads. */
  hrefOf?: (bucket: Bucket) => string;
  height?: number;
}

const LEFT = 52;
const RIGHT = 4;
const TOP = 8;
const BOTTOM = 20;

export function TimeChart({ kind, series, buckets, stepMs, label, format, hrefOf, height = 170 }: Props) {
  const { ref, width } = useElementSize();
  const [pointed, setPointed] = useState<number | null>(null);
  const [, navigate] = useLocation();
  const inner = { width: Math.max(0, width - LEFT - RIGHT), height: height - TOP - BOTTOM };
  const since = buckets[0]?.start ?? 0;
  const until = since + buckets.length * stepMs;
  const most = ceiling(Math.max(0, ...buckets.map((bucket) => (kind === 'bars' ? sum(bucket) : greatest(bucket)))));
  const x = (time: number): number => LEFT + ((time - since) / Math.max(1, until - since)) * inner.width;
  const y = (value: number): number => TOP + inner.height - (value / most) * inner.height;
  const active = pointed === null ? undefined : buckets[pointed];

  const point = (event: PointerEvent<SVGSVGElement>): void => {
    const left = event.clientX - event.currentTarget.getBoundingClientRect().left - LEFT;
    const number = Math.floor((left / Math.max(1, inner.width)) * buckets.length);
    setPointed(number >= 0 && number < buckets.length ? number : null);
  };
  return (
    <div className="chart" ref={ref}>
      {width > 0 && (
        <svg
          width={width}
          height={height}
          role="img"
          aria-label={label}
          data-opens={hrefOf === undefined ? undefined : true}
          onPointerMove={point}
          onPointerLeave={() => setPointed(null)}
          onClick={() => {
            if (active !== undefined && hrefOf !== undefined) navigate(hrefOf(active));
          }}
        >
          {[0, 0.5, 1].map((share) => (
            <g key={share}>
              <line className="chart-line" x1={LEFT} x2={width - RIGHT} y1={y(most * share)} y2={y(most * share)} />
              <text className="chart-mark" x={LEFT - 8} y={y(most * share) + 4} textAnchor="end">
                {format(most * share)}
              </text>
            </g>
          ))}
          {marks(since, until, Math.max(3, Math.floor(inner.width / 90))).map((time) => (
            <text key={time} className="chart-mark" x={x(time)} y={height - 4} textAnchor={anchor(x(time), width)}>
              {mark(time, stepMs)}
            </text>
          ))}
          {pointed !== null && (
            <rect
              className="chart-pointed"
              x={x(since + pointed * stepMs)}
              y={TOP}
              width={inner.width / buckets.length}
              height={inner.height}
            />
          )}
          {kind === 'bars' ? (
            <Bars {...{ buckets, series, x, y, stepMs }} />
          ) : (
            <Lines {...{ buckets, series, x, y, stepMs }} />
          )}
        </svg>
      )}
      {active !== undefined && (
        <div className="chart-tip" data-side={x(active.start) > width / 2 ? 'left' : 'right'} style={place(x, active, stepMs, width)}>
          <b>
            {moment(active.start).slice(0, -3)} – {moment(active.start + stepMs).slice(-8, -3)}
          </b>
          {[...series.keys()].reverse().map((number) => {
            const value = active.values[number] ?? null;
            return (
              <span key={number} data-tone={series[number]?.tone}>
                <i /> {series[number]?.name}
                <em>{value === null ? '–' : format(value)}</em>
              </span>
            );
          })}
        </div>
      )}
    </div>
  );
}

interface Drawn {
  buckets: Bucket[];
  series: Series[];
  stepMs: number;
  x: (time: number) => number;
  y: (value: number) => number;
}

function Bars({ buckets, series, stepMs, x, y }: Drawn) {
  return buckets.map((bucket) => {
    const left = x(bucket.start);
    const room = x(bucket.start + stepMs) - left;
    const gap = room > 5 ? Math.min(2, room * 0.2) : room > 2 ? 0.5 : 0;
    let below = 0;
    return series.map(({ name, tone }, number) => {
      const value = bucket.values[number] ?? 0;
      if (value <= 0) return null;
      const bottom = y(below);
      below += value;
      const top = Math.min(y(below), bottom - 1);
      return (
        <rect
          key={`${bucket.start} ${name}`}
          data-tone={tone}
          className="chart-bar"
          x={left + gap / 2}
          y={top}
          width={Math.max(0.5, room - gap)}
          height={bottom - top}
        />
      );
    });
  });
}

const RING = 'm-2.5,0a2.5,2.5 0 1,0 5,0a2.5,2.5 0 1,0 -5,0';

function Lines({ buckets, series, stepMs, x, y }: Drawn) {
  return series.map(({ name, tone }, number) => {
    let isDown = false;
    const path = buckets.map((bucket, index) => {
      const value = bucket.values[number] ?? null;
      if (value === null) {
        isDown = false;
        return '';
      }
      const at = `${x(bucket.start + stepMs / 2).toFixed(1)},${y(value).toFixed(1)}`;
      // A point between two gaps would be a line without length: it is a small ring.
      const isAlone = !isDown && (buckets[index + 1]?.values[number] ?? null) === null;
      const command = `${isDown ? 'L' : 'M'}${at}${isAlone ? RING : ''}`;
      isDown = true;
      return command;
    });
    return <path key={name} data-tone={tone} className="chart-path" d={path.join('')} />;
  });
}

function place(x: Drawn['x'], active: Bucket, stepMs: number, width: number): { left?: number; right?: number } {
  const middle = x(active.start + stepMs / 2);
  return middle > width / 2 ? { right: width - middle + 12 } : { left: middle + 12 };
}

function anchor(left: number, width: number): 'start' | 'middle' | 'end' {
  if (left > width - 24) return 'end';
  return left < LEFT + 16 ? 'start' : 'middle';
}

const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const DATE = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

function mark(time: number, stepMs: number): string {
  const date = new Date(time);
  const isMidnight = date.getHours() === 0 && date.getMinutes() === 0;
  return stepMs >= 86_400_000 || isMidnight ? DATE.format(date) : CLOCK.format(date);
}

function sum(bucket: Bucket): number {
  return bucket.values.reduce<number>((total, value) => total + (value ?? 0), 0);
}

function greatest(bucket: Bucket): number {
  return Math.max(0, ...bucket.values.map((value) => value ?? 0));
}
