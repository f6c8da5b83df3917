// dense_gradient_input (see dense_gradient_input.wgsl) for a whole layer of one unit whose
// inputs are a multiple of 4: an outer product. One invocation four neighbouring inputs of RUN rows, so that
// their weights are read once.

const RUN: u32 = 8u;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) invocation: vec3u) {
    let blocks = params.inputs / 4u;
    var block = invocation.x;
    // A software adapter (LINEAR is chosen there) rather does the last twice than branch for it; what is done
    // again is not stored again, which would be a race.
    if LINEAR {
        block = min(block, blocks - 1u);
    } else if block >= blocks {
        return;
    }
    let i = 4u * block;
    let w = vec4f(weights[i], weights[i + 1u], weights[i + 2u], weights[i + 3u]);
    for (var r = 0u; r < RUN; r++) {
        var row = invocation.y * RUN + r;
        if LINEAR {
            row = min(row, params.rows - 1u);
        } else if row >= params.rows {
            return;
        }
        let at = row * blocks + block;
        var derivative = vec4f(1.0);
        if !LINEAR {
            let y = input[at];
            derivative = activation_derivative_4(params.activation, y);
        }
        let gradient = d_output[row] * w * derivative;
        if !LINEAR || (block == invocation.x && row == invocation.y * RUN + r) {
            d_input[at] = gradient;
        }
    }
}
