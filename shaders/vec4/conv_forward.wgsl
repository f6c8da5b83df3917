// conv_forward (see conv_forward.wgsl) for units that are a multiple of 4, over bindings of vec4f; the patches by
// shared/patch_*.wgsl. One form of shared/product_vec4.wgsl.

const B_ALONG_K: bool = false;

// Past the last term stands the last again, which the patch multiplies by zero.
fn load_b(part: u32, column_4: u32, k: u32) -> vec4f {
    let units_4 = params.units / 4u;
    let term = min(params.first_term + k, params.taps_y * params.taps_x * params.channels - 1u);
    return weights[term * params.groups * units_4 + part * units_4 + column_4];
}

fn store(part: u32, row: u32, column_4: u32, sums: vec4f) {
    let units_4 = params.units / 4u;
    // Places lie one behind another, in whole pictures or in a band of one.
    let pixel = (params.first_picture * params.target_height + params.first_line) * params.columns + row;
    let unit_4 = part * units_4 + column_4;
    let at = pixel * params.groups * units_4 + unit_4;
    let all = params.taps_y * params.taps_x * params.channels;
    var z = sums;
    if params.first_term > 0u {
        z += output[at];
    }
    if params.first_term + params.terms == all {
        if params.derivative == 1u {
            let y = values[at];
            z *= activation_derivative_4(params.activation, y);
        } else {
            if params.bias == 1u {
                z += weights[all * params.groups * units_4 + unit_4];
            }
            z = activate_4(params.activation, z);
        }
    }
    output[at] = z;
}
