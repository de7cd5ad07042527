import { engine, key } from 'omoe';
import { cpu } from 'omoe/backends/cpu';
import { moe, topKBalance, upcycle } from 'omoe/moe';
import { initFeedForward } from 'omoe/nn';
import { adamw, applyUpdates, parametersOf } from 'omoe/optim';

const t = engine(cpu());
const layer = { moe: upcycle(initFeedForward(t, key(1), 8, 16), { experts: 4, key: key(2) }) };
const x = t.normal(key(3), [32, 8]);

const loss = (parameters: typeof layer) => {
  const { output, gate } = moe(x, parameters.moe, { k: 2 });
  return output.subtract(x).square().mean().add(topKBalance(gate).multiply(0.01));
};
const [value, gradients] = t.valueAndGrad(loss)(layer); // nest for higher derivatives
const optimizer = adamw();
const parameters = parametersOf(layer);
const state = optimizer.initial(parameters);
const step = optimizer.step({ parameters, gradients: parametersOf(gradients), state, learningRate: 1e-3 });
const next = applyUpdates(parameters, step.updates);
console.log(await value.item(), next.size);
