/** How numbers, sizes, lengths of time and money are written. */

const NUMBER = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** 1234567 → 1,234,567. */
export function count(value: number): string {
  return NUMBER.format(value);
}

/** 1234 → 1,234; from 10,000 on, three significant digits: 12.3 k. For figures with little room. */
export function short(value: number): string {
  const [size, unit] = value >= 1e9 ? [1e9, ' G'] : value >= 1e6 ? [1e6, ' M'] : value >= 1e4 ? [1e3, ' k'] : [1, ''];
  const scaled = value / size;
  if (scaled >= 1000) return count(scaled);
  return `${trim(scaled, scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2)}${unit}`;
}

export function duration(ms: number | null | undefined): string {
  if (ms == null) return '–';
  if (ms < 1) return `${trim(ms, 2)} ms`;
  if (ms < 1000) return `${trim(ms, ms < 10 ? 1 : 0)} ms`;
  if (ms < 60_000) return `${trim(ms / 1000, ms < 10_000 ? 2 : 1)} s`;
  return span(ms / 1000);
}

/** 3725 → 1 h 2 min. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return join(Math.floor(whole / 60), 'min', whole % 60, 's');
  if (whole < 86400) return join(Math.floor(whole / 3600), 'h', Math.floor((whole % 3600) / 60), 'min');
  return join(Math.floor(whole / 86400), 'd', Math.floor((whole % 86400) / 3600), 'h');
}

export function bytes(value: number): string {
  if (value < 1024) return `${value} B`;
  const power = Math.min(4, Math.floor(Math.log(value) / Math.log(1024)));
  const scaled = value / 1024 ** power;
  return `${trim(scaled, scaled >= 100 ? 0 : 1)} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][power] ?? ''}`;
}

export function percent(ratio: number): string {
  const value = ratio * 100;
  return `${trim(value, value > 0 && value < 10 ? 1 : 0)} %`;
}

/** An amount as the API writes it; never turned into a float: 0.00125 stays what it is. */
export function money(amount: string | number, currency: string | null): string {
  const [whole = '0', part = ''] = String(amount).split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',');
  const fraction = part.replace(/0+$/, '').padEnd(2, '0');
  return `${grouped}.${fraction} ${currency ?? ''}`.trim();
}

/** A line for each currency; none where nothing has a price. */
export function moneyOf(costs: Record<string, string>): string[] {
  return Object.entries(costs).map(([currency, amount]) => money(amount, currency));
}

/** A name that is too long without its middle: what is different of names is at their ends. */
export function shortName(name: string, most: number): string {
  if (name.length <= most) return name;
  const last = Math.ceil((most - 1) / 2);
  return `${name.slice(0, most - 1 - last)}…${name.slice(-last)}`;
}

const TIME = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const WHOLE = new Intl.DateTimeFormat('en-GB', {
  weekday: 'short', day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit',
  second: '2-digit', timeZoneName: 'short',
}); // prettier-ignore

/** The time of day, with the date where it isn't today. */
export function moment(time: string | number | Date, now: Date = new Date()): string {
  const date = new Date(time);
  const isToday = date.toDateString() === now.toDateString();
  return isToday ? TIME.format(date) : `${DAY.format(date)} ${TIME.format(date)}`;
}

export function wholeMoment(time: string | number | Date): string {
  return WHOLE.format(new Date(time));
}

/** How long ago, or in how long. */
export function ago(time: string | number | Date, now: number = Date.now()): string {
  const seconds = (now - new Date(time).getTime()) / 1000;
  if (Math.abs(seconds) < 2) return 'now';
  const [first = '', unit = ''] = span(Math.abs(seconds)).split(' ');
  return seconds > 0 ? `${first} ${unit} ago` : `in ${first} ${unit}`;
}

function join(first: number, unit: string, second: number, smaller: string): string {
  return second === 0 ? `${first} ${unit}` : `${first} ${unit} ${second} ${smaller}`;
}

function trim(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
