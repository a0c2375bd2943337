// ---- numbers: how they are read, drawn at random, and written -----------------------------------

function bytes(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

/** Read little-endian float16: 1 bit of sign, 5 of exponent (bias 15), 10 of fraction. */
function float16s(base64) {
  const packed = bytes(base64);
  const numbers = new Float32Array(packed.length / 2);
  for (let i = 0; i < numbers.length; i++) {
    const half = packed[2 * i] | (packed[2 * i + 1] << 8);
    const exponent = (half >> 10) & 31;
    const fraction = (half & 1023) / 1024;
    const size = exponent ? 2 ** (exponent - 15) * (1 + fraction) : 2 ** -14 * fraction;
    numbers[i] = half >> 15 ? -size : size;
  }
  return numbers;
}

/** Return a generator of uniform numbers in (0, 1): the same seed gives the same numbers. */
function generator(seed) {
  let count = seed * 1e6;
  return () => {
    count = (count + 1) | 0;
    let mixed = Math.imul(count ^ (count >>> 15), 0x2c1b3c6d);
    mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
    mixed ^= mixed >>> 15;
    return ((mixed >>> 0) + 0.5) / 2 ** 32;
  };
}

/** Return n draws of N(0, 1), by the method of Box and Muller. */
function normals(n, random) {
  return Array.from(
    { length: n },
    () => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random()),
  );
}

/** Return the share of draws from N(0, I) in n dimensions with a squared length below `square`.
 *
 * The series of the incomplete gamma function P(n / 2, square / 2).
 */
function shareWithin(n, square) {
  const a = n / 2,
    x = square / 2;
  if (x <= 0) return 0;
  let logFirst = a * Math.log(x) - x; // minus log gamma(a + 1)
  for (let k = a; k > 0; k--) logFirst -= Math.log(k);
  if (n % 2) logFirst -= Math.log(Math.PI) / 2; // gamma(1/2) = sqrt(pi)
  let term = 1,
    sum = 1;
  for (let k = 1; k < 2000 && term > 1e-12 * sum; k++) sum += term *= x / (a + k);
  return Math.min(1, Math.exp(logFirst + Math.log(sum)));
}

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function blend(a, b, t) {
  return Array.from(a, (value, i) => (1 - t) * value + t * b[i]);
}

function total(numbers) {
  return numbers.reduce((sum, value) => sum + value, 0);
}

function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

/** Return the value below which a share of the numbers lies. */
function quantile(numbers, share) {
  const sorted = Float64Array.from(numbers).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

/** Return which of the numbers are below a value, as a whole percentage. */
function percentBelow(numbers, value) {
  return Math.round((100 * numbers.filter((number) => number < value).length) / numbers.length);
}

/** Return a number with a true minus sign, and never as minus zero. */
function fixed(value, digits) {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
}

/** Return a number of any size in some three digits. */
function short(value) {
  const size = Math.abs(value);
  if (size > 0 && (size >= 1e6 || size < 1e-3)) return value.toExponential(2).replace("-", "−");
  return fixed(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}
