"""PyTorch, eager, on the CPU: the other side of the conversation that serve.mjs describes."""

import json
import os
import sys
import time

# Read before torch is loaded. OpenBLAS of some distributions does not know newer processors and takes kernels of 2004 for them:
# the comparison would be false. Whoever sets the variable themselves is not overruled.
def has_avx512():
    try:
        with open('/proc/cpuinfo') as file:
            return 'avx512f' in file.read()
    except OSError:
        return False


if has_avx512():
    os.environ.setdefault('OPENBLAS_CORETYPE', 'SkylakeX')
threads = sys.argv[1]
os.environ['OMP_NUM_THREADS'] = os.environ['OPENBLAS_NUM_THREADS'] = threads

import numpy as np  # noqa: E402
import torch  # noqa: E402

torch.set_num_threads(int(threads))

PATHS = ['router.weight', 'fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias']


def moe(x, parameters, k):
    """Dropless: rows sorted by expert, each expert's share through its own two linear maps, and back by index_add."""
    router, w1, b1, w2, b2 = parameters
    kept, chosen = torch.topk(x @ router, k)  # [token, slot]
    gates = torch.softmax(kept, dim=1).reshape(-1)
    expert_of_slot = chosen.reshape(-1)
    order = torch.argsort(expert_of_slot)
    token_of_row = torch.div(order, k, rounding_mode='floor')
    counts = torch.bincount(expert_of_slot, minlength=w1.shape[0]).tolist()
    rows = x.index_select(0, token_of_row).split(counts)
    # unbind, as its gradient is one stack; w1[e] would make a gradient as large as w1 for each expert.
    experts = zip(rows, w1.unbind(), b1.unbind(), w2.unbind(), b2.unbind())
    outputs = [torch.addmm(d, torch.nn.functional.gelu(torch.addmm(b, part, a)), c) for part, a, b, c, d in experts]
    weighted = torch.cat(outputs) * gates.index_select(0, order).unsqueeze(1)
    return torch.zeros_like(x).index_add(0, token_of_row, weighted)


def loss_of(x, parameters, k):
    return moe(x, parameters, k).square().mean()


def matmul(read, write, spec):
    a, b = read('a'), read('b')
    write('y', torch.mm(a, b))
    return lambda: torch.mm(a, b)


def training_step(read, write, spec):
    x = read('x')
    parameters = [read(path).requires_grad_() for path in PATHS]
    optimizer = torch.optim.AdamW(parameters, lr=spec['rate'], weight_decay=spec['decay'])

    def call():
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(x, parameters, spec['k'])
        loss.backward()
        optimizer.step()
        return loss.item()

    loss = call()
    write('loss', torch.tensor([loss]))
    for path, parameter in zip(PATHS, parameters):
        write('gradient.' + path, parameter.grad)
        write('next.' + path, parameter)
    return call


def encoder_loss(ids, labels, of, spec):
    """BERT's post-norm blocks with experts in the place of the feed-forward networks; `of` gives a parameter by its path."""
    batch, length, width, heads = (spec[name] for name in ['batch', 'length', 'width', 'heads'])

    def linear(rows, path):
        return torch.addmm(of(path + '.bias'), rows, of(path + '.weight'))

    def norm(rows, path):
        return torch.nn.functional.layer_norm(rows, (width,), of(path + '.weight'), of(path + '.bias'), spec['epsilon'])

    def split(rows):  # [batch, head, position, dim]
        return rows.view(batch, length, heads, width // heads).transpose(1, 2)

    embedded = torch.nn.functional.embedding(ids, of('embeddings.words')) + of('embeddings.positions')[:length]
    rows = norm((embedded + of('embeddings.segments')[0]).view(batch * length, width), 'embeddings.norm')
    for block in range(spec['layers']):
        at = f'blocks.{block}'
        q, k, v = (split(linear(rows, f'{at}.attention.{name}')) for name in ['query', 'key', 'value'])
        weights = torch.softmax(q @ k.transpose(2, 3) * (width // heads) ** -0.5, dim=-1)
        mixed = (weights @ v).transpose(1, 2).reshape(batch * length, width)
        rows = norm(rows + linear(mixed, f'{at}.attention.output'), f'{at}.norm1')
        rows = norm(rows + moe(rows, [of(f'{at}.moe.{path}') for path in PATHS], spec['k']), f'{at}.norm2')
    pooled = torch.tanh(linear(rows.view(batch, length, width)[:, 0], 'pooler'))
    return torch.nn.functional.cross_entropy(linear(pooled, 'head'), labels)


def encoder_step(read, write, spec, names):
    ids, labels = read('tokens').long(), read('labels').long()
    parameters = {name: read(name).requires_grad_() for name in names if name not in ['tokens', 'labels']}
    optimizer = torch.optim.AdamW(parameters.values(), lr=spec['rate'], weight_decay=spec['decay'])

    def call():
        optimizer.zero_grad(set_to_none=True)
        loss = encoder_loss(ids, labels, parameters.__getitem__, spec)
        loss.backward()
        optimizer.step()
        return loss.item()

    write('loss', torch.tensor([call()]))
    for name, parameter in parameters.items():
        write('gradient.' + name, parameter.grad)
    return call


def prepare(message):
    shapes = {each['name']: each for each in message['inputs']}

    def read(name):
        each = shapes[name]
        return torch.from_numpy(np.fromfile(each['file'], dtype=np.float32).reshape(each['shape']))

    def write(name, tensor):
        tensor.detach().numpy().astype(np.float32).tofile(os.path.join(message['out'], name + '.f32'))

    spec = message['spec']
    if spec['kind'] == 'encoder':
        return encoder_step(read, write, spec, list(shapes))
    return {'matmul': matmul, 'moe': training_step}[spec['kind']](read, write, spec)


def blas():
    """The library behind torch.mm, as its name; 'reference' for the plain Fortran loops that some distributions start with."""
    torch.mm(torch.ones(2, 2), torch.ones(2, 2))
    try:
        with open('/proc/self/maps') as file:
            loaded = file.read()
    except OSError:
        return 'BLAS unknown'
    if 'openblas' in loaded:
        return 'OpenBLAS core ' + os.environ.get('OPENBLAS_CORETYPE', 'as it finds it')
    if 'BLAS_INFO=generic' in torch.__config__.show() and '/blas/libblas.so' in loaded:
        return 'reference'
    return 'its own BLAS'


SLOW = (
    'its PyTorch multiplies by the reference BLAS, plain loops, so the comparison would be false; '
    'apt-get install libopenblas0-pthread gives it a real one'
)


def main():
    call = None
    for line in sys.stdin:
        message = json.loads(line)
        try:
            if 'prepare' in message and blas() == 'reference':
                answer = {'cannot': SLOW}
            elif 'prepare' in message:
                call = prepare(message['prepare'])
                answer = {'version': f'PyTorch {torch.__version__} eager, {blas()}'}
            else:
                start = time.perf_counter()
                for _ in range(message['sample']):
                    call()
                answer = {'ms': (time.perf_counter() - start) * 1000 / message['sample']}
        except Exception as error:  # the other side names it
            answer = {'error': repr(error)}
        print('@bench ' + json.dumps(answer), flush=True)


main()
