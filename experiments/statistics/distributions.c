/* distributions.c: see distributions.h */
#include "experiments/statistics/distributions.h"

#include <math.h>

/* The place in [low, high] where a function that grows reaches the level: halved until doubles end. */
static double place_of(double level, double low, double high, double (*grows)(double, int), int parameter) {
    for (;;) {
        const double middle = low + (high - low) / 2;
        if (middle <= low || middle >= high)
            return middle;
        if (grows(middle, parameter) < level)
            low = middle;
        else
            high = middle;
    }
}

/* P(|T| <= sqrt(df) tan(angle)): with c and s for its cosine and sine,
 * odd df:  2/pi (angle + s (c + 2/3 c^3 + 2/3 4/5 c^5 + ... up to c^(df-2)))
 * even df: s (1 + 1/2 c^2 + 1/2 3/4 c^4 + ... up to c^(df-2)) */
static double student_inside(double angle, int df) {
    const double c = cos(angle), s = sin(angle);
    const int odd = df % 2;
    double sum = 0, term = odd ? c : 1;
    for (int power = odd; power <= df - 2; power += 2) {
        sum += term;
        term *= c * c * (power + 1) / (power + 2);
    }
    return odd ? M_2_PI * (angle + s * sum) : s * sum;
}

double student_quantile(double level, int df) {
    return sqrt(df) * tan(place_of(level, 0, M_PI_2, student_inside, df));
}

/* With h for x/2: even df: exp(-h) (1 + h + h^2/2! + ... h^(df/2-1)/(df/2-1)!); odd df the same with half
 * powers and gamma functions, behind erfc(sqrt(h)). */
double chi_square_tail(double x, int df) {
    const double half = x / 2;
    const int odd = df % 2;
    double sum = odd ? erfc(sqrt(half)) : 0, term = odd ? exp(-half) * sqrt(half / M_PI) * 2 : exp(-half);
    for (int i = 1; i <= df / 2; i++) {
        sum += term;
        term *= half / (odd ? i + 0.5 : i);
    }
    return sum;
}

static double normal_below(double z) {
    return erfc(-z * M_SQRT1_2) / 2;
}

/* P(Q <= q): the largest is at z, all others at most q below. The trapezoidal rule is exact to the last
 * digits for so smooth a function that ends in nothing on both sides. */
static double range_inside(double q, int k) {
    const double step = 1.0 / 32;
    double sum = 0;
    for (int i = -10 * 32; i <= 10 * 32; i++) {
        const double z = i * step;
        sum += exp(-z * z / 2) * pow(normal_below(z) - normal_below(z - q), k - 1);
    }
    return sum * step * k / sqrt(2 * M_PI);
}

double normal_range_quantile(double level, int k) {
    return place_of(level, 0, 40, range_inside, k);
}
