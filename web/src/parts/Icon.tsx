/** The icons: strokes on a grid of 16. */

const SHAPES = {
  overview: 'M2.5 13.500h11M4 11V8M8 11V3.500M12 11V6',
  exchanges: 'M2.5 5.500h10M9.5 2.500l3 3-3 3M13.5 10.500h-10M6.5 7.500l-3 3 3 3',
  upstreams: 'M8 13.500v-9M4.5 7.5 8 4l3.5 3.500M3 2h10',
  consumers: 'M8 7.500a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM3 13.500c.4-2.6 2.4-4 5-4s4.6 1.4 5 4',
  limits: 'M2.5 11.500a5.5 5.5 0 1 1 11 0M8 11.500l2.8-4M2.5 13.500h11',
  audit: 'M8 2l5 1.800v4c0 3.2-2.1 5.3-5 6.4-2.9-1.1-5-3.2-5-6.400v-4zM5.7 8l1.7 1.7 3-3.2',
  revisions: 'M4.5 5.500v5M4.5 5.500a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM4.5 13.500a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM11.5 6.500a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM11.5 6.500c0 2.5-3 2.5-7 2.5',
  try: 'M2.5 4l3.5 4-3.5 4M8 12.500h5.5',
  settings: 'M2.5 4.500h5M11.5 4.500h2M9.5 6.500a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM2.5 11.500h2M8.5 11.500h5M6.5 13.500a2 2 0 1 0 0-4 2 2 0 0 0 0 4z',
  search: 'M7 11.500a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.300l3.2 3.2',
  sun: 'M8 10.500a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM8 1.500v1.500M8 13v1.500M1.5 8H3M13 8h1.500M3.4 3.400l1.1 1.100M11.5 11.500l1.1 1.100M12.6 3.400l-1.1 1.100M4.5 11.500l-1.1 1.1',
  moon: 'M13 9.700A5.5 5.5 0 0 1 6.3 3a5.5 5.5 0 1 0 6.7 6.700z',
  system: 'M2.5 3.500h11v7h-11zM6 13.500h4M8 10.500v3',
  leave: 'M6.5 2.500h-3v11h3M7 8h6.500M11 5.500L13.5 8 11 10.5',
  keyboard: 'M1.5 4.500h13v7h-13zM4 7h.01M6.7 7h.01M9.3 7h.01M12 7h.01M5 9.300h6',
  menu: 'M2.5 4.500h11M2.5 8h11M2.5 11.500h11',
  close: 'M4 4l8 8M12 4l-8 8',
  copy: 'M6 6h7v7H6zM10 6V3H3v7h3',
  done: 'M3 8.500l3.2 3.200L13 4.8',
  warn: 'M8 2.500l6 11H2zM8 7v3M8 11.800v.01',
  pause: 'M5.5 3.500v9M10.5 3.500v9',
  play: 'M5 3.500l7 4.5-7 4.500z',
  back: 'M13 8H3.500M7 4L3 8l4 4',
  forward: 'M3 8h9.500M9 4l4 4-4 4',
  down: 'M4 6.500L8 10.500l4-4',
  download: 'M8 2.500v7.500M4.500 6.500L8 10l3.500-3.500M3 13.500h10',
  plus: 'M8 3.500v9M3.5 8h9',
  lock: 'M4 7.500h8v6H4zM5.5 7.500V5a2.5 2.5 0 0 1 5 0v2.5',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  filter: 'M2.5 3.500h11l-4.3 5v4.500l-2.4-1.200V8.500z',
  refresh: 'M13 8a5 5 0 1 1-1.5-3.600M13 2.500v2.500h-2.5',
} as const;

export type IconName = keyof typeof SHAPES;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth={1.4}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={SHAPES[name]} />
    </svg>
  );
}
