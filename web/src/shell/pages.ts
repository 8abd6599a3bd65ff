/** Every page of the dashboard: its path, its name, its letter (`g`, then it), and where its code is. */

import { lazy, type ComponentType, type LazyExoticComponent } from 'react';
import type { IconName } from '@/parts/Icon';

export interface Page {
  path: string;
  name: string;
  letter: string;
  icon: IconName;
  group: 'see' | 'set' | 'keep';
  component: LazyExoticComponent<ComponentType>;
}

const page = (
  path: string,
  name: string,
  letter: string,
  icon: IconName,
  group: Page['group'],
  load: () => Promise<{ default: ComponentType }>,
): Page => ({ path, name, letter, icon, group, component: lazy(load) });

/** In the order of the navigation. A page has every path that begins with its own: `/exchanges/0190…` is of Exchanges. */
export const PAGES: readonly Page[] = [
  page('/', 'Overview', 'o', 'overview', 'see', () => import('@/pages/Overview')),
  page('/exchanges', 'Exchanges', 'e', 'exchanges', 'see', () => import('@/pages/Exchanges')),
  page('/upstreams', 'Upstreams', 'u', 'upstreams', 'set', () => import('@/pages/Upstreams')),
  page('/consumers', 'Consumers', 'c', 'consumers', 'set', () => import('@/pages/Consumers')),
  page('/limits', 'Limits & spend', 'l', 'limits', 'set', () => import('@/pages/Limits')),
  page('/audit', 'Audit', 'a', 'audit', 'keep', () => import('@/pages/Audit')),
  page('/revisions', 'Revisions', 'r', 'revisions', 'keep', () => import('@/pages/Revisions')),
  page('/try', 'Try it', 't', 'try', 'keep', () => import('@/pages/Try')),
  page('/settings', 'Settings', 's', 'settings', 'keep', () => import('@/pages/Settings')),
];

export function pageOf(path: string): Page | undefined {
  return PAGES.filter((one) => one.path !== '/').find((one) => path === one.path || path.startsWith(`${one.path}/`))
    ?? (path === '/' ? PAGES[0] : undefined);
}
