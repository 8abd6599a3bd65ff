import { describe, expect, it } from 'vitest';
import { gatewayOf } from './gateway';

const setting = (variable: string, value: string) => ({ variable, value, is_set: true, is_secret: false, description: '' });

describe('the gateway', () => {
  it('is at its first address that isn’t a socket’s path', () => {
    expect(gatewayOf([setting('EXEAT_LISTEN', 'unix:/x, 127.0.0.1:18180')], 'here')).toBe('http://127.0.0.1:18180');
  });
  it('is here where it listens at every address of the machine', () => {
    const settings = [setting('EXEAT_LISTEN', '0.0.0.0:443'), setting('EXEAT_TLS', 'self-signed')];
    expect(gatewayOf(settings, 'gateway.example')).toBe('https://gateway.example:443');
  });
  it('is at the usual address where nothing says otherwise', () => {
    expect(gatewayOf([], 'here')).toBe('http://127.0.0.1:8080');
  });
});
