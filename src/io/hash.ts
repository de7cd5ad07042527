import { OmoeError } from '../errors.ts';

/**
 * SHA-256 in hexadecimal digits.
 * @throws OmoeError in a page that is not served securely: browsers hide their cryptography from it
 */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const subtle = globalThis.crypto?.subtle;
  if (subtle === undefined)
    throw new OmoeError({
      operation: 'compute SHA-256',
      received: 'no crypto.subtle',
      expected: 'Web Crypto, as Node 20 and browsers have it',
      advice: 'Serve the page over https or from localhost.',
    });
  const digest = new Uint8Array(await subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
