/**
 * Contractions: products summed over one shared axis.
 */
import { at, broadcastShapes, broadcastTo, fromFunction, type Int, precondition, type Real, toFlat } from '../array.ts';

/**
 * C_{…ij} = Σ_k A_{…ik} B_{…kj}. The axes before the last two are batch axes and are broadcast.
 * Throws `SpecError` for fewer than two axes or different inner sizes.
 */
export function matmul(a: Real, b: Real): Real {
  const [ra, rb] = [a.shape.length, b.shape.length];
  precondition(
    ra >= 2 && rb >= 2 && a.shape[ra - 1] === b.shape[rb - 2],
    `matmul multiplies […, m, inner] · […, inner, n], not [${a.shape}] · [${b.shape}]`,
  );
  const [m, inner, n] = [a.shape[ra - 2], a.shape[ra - 1], b.shape[rb - 1]];
  const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const left = broadcastTo(a, [...batch, m, inner]);
  const right = broadcastTo(b, [...batch, inner, n]);
  // […, m, inner] · […, inner, n] -> […, m, n]
  return fromFunction([...batch, m, n], (index) => {
    const [place, i, j] = [index.slice(0, -2), index[index.length - 2], index[index.length - 1]];
    let sum = 0;
    for (let k = 0; k < inner; k++) sum += at(left, [...place, i, k]) * at(right, [...place, k, j]);
    return sum;
  });
}

/** y = xW + b: x [..., in] · W [in, out] + b [out] -> [..., out]; b is left out where there is none. */
export function linear(x: Real, weight: Real, bias?: Real): Real {
  precondition(
    x.shape.length >= 1 && weight.shape.length === 2 && x.shape[x.shape.length - 1] === weight.shape[0],
    `linear takes x […, in] and W [in, out], not [${x.shape}] and [${weight.shape}]`,
  );
  const [input, output] = weight.shape;
  precondition(
    bias === undefined || (bias.shape.length === 1 && bias.shape[0] === output),
    `linear takes a bias [${output}], not [${bias?.shape}]`,
  );
  // [..., in] · [in, out] -> [..., out]
  return fromFunction([...x.shape.slice(0, -1), output], (index) => {
    const [place, j] = [index.slice(0, -1), index[index.length - 1]];
    let sum = 0;
    for (let k = 0; k < input; k++) sum += at(x, [...place, k]) * at(weight, [k, j]);
    return bias === undefined ? sum : sum + at(bias, [j]);
  });
}

/** Offsets of E experts over rows: 0 = o₀ ≤ o₁ ≤ … ≤ o_E ≤ rows. Expert e owns the rows r with o_e ≤ r < o_{e+1}. */
function readOffsets(offsets: Int, experts: number, rows: number): number[] {
  precondition(
    offsets.shape.length === 1 && offsets.shape[0] === experts + 1,
    `${experts} experts take offsets [${experts + 1}], not [${offsets.shape}]`,
  );
  const o = toFlat(offsets);
  const rises = o.every((offset, e) => e === 0 || o[e - 1] <= offset);
  precondition(o[0] === 0 && rises && o[experts] <= rows, `offsets rise from 0 to at most ${rows}, not [${o}]`);
  return o;
}

/**
 * Each row times the matrix of its own expert: y_r = x_r W_e for o_e ≤ r < o_{e+1}.
 * x [row, in], W [expert, in, out], offsets [expert + 1] -> [row, out]. Rows from o_E on belong to nobody and give 0.
 */
export function groupedMatmul(x: Real, weights: Real, offsets: Int): Real {
  precondition(
    x.shape.length === 2 && weights.shape.length === 3 && x.shape[1] === weights.shape[1],
    `groupedMatmul takes x [row, in] and W [expert, in, out], not [${x.shape}] and [${weights.shape}]`,
  );
  const [rows, input] = x.shape;
  const [experts, , output] = weights.shape;
  const o = readOffsets(offsets, experts, rows);
  // [row, in] · [expert of the row, in, out] -> [row, out]
  return fromFunction([rows, output], ([r, j]) => {
    let sum = 0;
    for (let e = 0; e < experts; e++) {
      if (r < o[e] || r >= o[e + 1]) continue;
      for (let k = 0; k < input; k++) sum += at(x, [r, k]) * at(weights, [e, k, j]);
    }
    return sum;
  });
}

/**
 * The gradient of `groupedMatmul` with respect to the matrices: G_e = Σ_{r of e} x_r g_rᵀ.
 * x [row, in], g [row, out], offsets [expert + 1] -> [expert, in, out]. An expert without rows gives 0.
 */
export function groupedOuter(x: Real, g: Real, offsets: Int): Real {
  precondition(
    x.shape.length === 2 && g.shape.length === 2 && x.shape[0] === g.shape[0],
    `groupedOuter takes x [row, in] and g [row, out], not [${x.shape}] and [${g.shape}]`,
  );
  const experts = offsets.shape[0] - 1;
  const o = readOffsets(offsets, experts, x.shape[0]);
  // [row of e, in] · [row of e, out] -> [expert, in, out]
  return fromFunction([experts, x.shape[1], g.shape[1]], ([e, i, j]) => {
    let sum = 0;
    for (let r = o[e]; r < o[e + 1]; r++) sum += at(x, [r, i]) * at(g, [r, j]);
    return sum;
  });
}
