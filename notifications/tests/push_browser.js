// A subscription as pushManager.subscribe() gives it, with keys of WebCrypto, and RFC 8291 read from its other end.
const toBase64Url = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const joined = (...parts) => new Uint8Array(parts.flatMap((part) => [...new Uint8Array(part)]));
const text = (value) => new TextEncoder().encode(value);

async function hkdf(salt, secret, info, length) {
  const key = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
  return crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, key, length * 8);
}

async function subscribe() {
  const curve = { name: "ECDH", namedCurve: "P-256" };
  const pair = await crypto.subtle.generateKey(curve, false, ["deriveBits"]);
  const publicKey = await crypto.subtle.exportKey("raw", pair.publicKey);
  const auth = crypto.getRandomValues(new Uint8Array(16));

  async function decrypt(base64) {
    const body = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const salt = body.slice(0, 16), keyLength = body[20];
    const senderKey = body.slice(21, 21 + keyLength), sealed = body.slice(21 + keyLength);
    const sender = await crypto.subtle.importKey("raw", senderKey, curve, true, []);
    const shared = await crypto.subtle.deriveBits({ name: "ECDH", public: sender }, pair.privateKey, 256);
    const info = joined(text("WebPush: info\0"), publicKey, senderKey);
    const secret = await hkdf(auth, shared, info, 32);
    const key = await hkdf(salt, secret, text("Content-Encoding: aes128gcm\0"), 16);
    const iv = await hkdf(salt, secret, text("Content-Encoding: nonce\0"), 12);
    const aes = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
    const plain = new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, aes, sealed));
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(plain.slice(0, plain.lastIndexOf(2))));
  }

  return { keys: { p256dh: toBase64Url(publicKey), auth: toBase64Url(auth) }, decrypt };
}
