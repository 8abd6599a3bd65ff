/** Where callers reach the gateway. */

import { useQuery } from '@tanstack/react-query';
import { api, ask, type Schemas } from '@/api/client';

const USUAL = 'http://127.0.0.1:8080';

/** The gateway's URL by its settings; what is usual until they are known. */
export function useGateway(): string {
  const { data } = useQuery({
    queryKey: ['settings'],
    queryFn: () => ask(api.GET('/api/v1/settings')),
    staleTime: Infinity,
  });
  return data === undefined ? USUAL : gatewayOf(data.items, window.location.hostname);
}

/** Of the addresses that it listens at, the first that a URL can name; all addresses of a machine are at `here`. */
export function gatewayOf(items: Schemas['SettingShown'][], here: string): string {
  const value = (variable: string): string => items.find((item) => item.variable === variable)?.value ?? '';
  const listen = value('EXEAT_LISTEN')
    .split(',')
    .map((part) => part.trim())
    .find((part) => part !== '' && !part.startsWith('unix:'));
  if (listen === undefined) return USUAL;
  const isSecure = value('EXEAT_TLS') === 'self-signed' || value('EXEAT_TLS_CERTIFICATE') !== '';
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(listen) ?? [];
  const name = ['', '0.0.0.0', '[::]'].includes(host) ? here : host;
  return `${isSecure ? 'https' : 'http'}://${name}:${port}`;
}
