/**
 * Every switch of the orthogonal expert optimizer, with its default.
 * `spec/ambiguities.md` says for each one whether the paper fixes it or whether it was chosen, and why.
 */
export interface OmoeOptions {
  /** Steps of the accumulating phase: the base optimizer trains everything, statistics are recorded. */
  readonly accumulateSteps: number;
  /** Steps of the orthogonal phase: expert matrices move orthogonally. 0 is bit for bit the base optimizer. */
  readonly orthogonalSteps: number;
  /** Statistics are recorded every so many accumulating steps (1 = each). */
  readonly updateEvery: number;
  /** Which side of ΔW (in × out) is projected: Q ΔW, ΔW Q, or the flattened update against the others' accumulated updates. */
  readonly side: 'input' | 'output' | 'update';
  /** How the projectors of the other experts become one: averaged, one ridge projector of all, or a hard subspace. */
  readonly combine: 'mean' | 'span' | 'hard';
  /** How a ridge projector is computed: thin QR of [A; √α I], OWM's rank-one recursion, or the closed form by Cholesky. */
  readonly form: 'qr' | 'recursion' | 'closed';
  /** What is projected: the final update (scaling and decay included) or the gradient that enters the base optimizer. */
  readonly project: 'update' | 'gradient';
  /** One recorded column a step (the mean over the expert's tokens) or every token's. */
  readonly statistic: 'mean' | 'tokens';
  /** Whose columns build Q_i: the other experts' (the method), one's own, or everybody's (controls). */
  readonly columns: 'others' | 'own' | 'shared';
  /** `rotated`: Q_i conjugated by a random rotation; `norm-matched`: the base update shrunk to the norm the projection would keep. */
  readonly control: 'none' | 'rotated' | 'norm-matched';
  /** Input side only: the bias as one more row under an input augmented by 1, frozen, or left free. */
  readonly bias: 'augment' | 'freeze' | 'free';
  /** Which expert matrices are projected. */
  readonly layers: 'fc1' | 'fc2' | 'both';
  /** The ridge α; relative to ‖A‖²_F / rows unless `alphaMode` is absolute. */
  readonly alpha: number;
  readonly alphaMode: 'relative' | 'absolute';
  /** `hard`: the share of ‖A‖²_F that the kept singular vectors must reach; 1 means the numerical rank. */
  readonly energy: number;
  /** Frequent Directions cap ℓ on the columns kept per expert matrix; 0 keeps all. */
  readonly sketch: number;
  /** λ in (0, 1]: all columns are scaled by √λ before a step's columns are added. */
  readonly forgetting: number;
  /** Forget all statistics when a new accumulating phase begins. */
  readonly resetEachCycle: boolean;
  /** Rescale the projected update to the norm of the unprojected one, by at most `renormLimit`. */
  readonly renorm: boolean;
  readonly renormLimit: number;
  /** Warn when trace(Q)/rows falls below this: little room is left to learn in. */
  readonly plasticityWarning: number;
}

export const omoeDefaults: OmoeOptions = {
  accumulateSteps: 50,
  orthogonalSteps: 50,
  updateEvery: 1,
  side: 'output',
  combine: 'mean',
  form: 'qr',
  project: 'update',
  statistic: 'mean',
  columns: 'others',
  control: 'none',
  bias: 'augment',
  layers: 'both',
  alpha: 1e-3,
  alphaMode: 'relative',
  energy: 0.95,
  sketch: 64,
  forgetting: 1,
  resetEachCycle: true,
  renorm: true,
  renormLimit: 10,
  plasticityWarning: 0.05,
};
