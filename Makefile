# coop: prompt learning for CLIP. `make help` lists the targets.

BUILD   ?= build
CC      ?= cc
WERROR  ?= 0
PKGS    := openblas libjpeg spng yaml-0.1 jansson zlib nettle liblbfgs
DEBS    := gcc make pkg-config libopenblas-pthread-dev libjpeg62-turbo-dev libspng-dev \
           libyaml-dev libjansson-dev zlib1g-dev nettle-dev libunistring-dev liblbfgs-dev libcmocka-dev
PREFIX  ?= /usr/local

# Debug builds (`make asan`) add -DARENA_MALLOC so that the sanitizer sees every block of an arena.
OPT     ?= -O3
WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wvla -Wundef
CFLAGS  += -std=gnu11 $(OPT) -g -fopenmp-simd -ffp-contract=off $(WARN) -I. \
           $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LDLIBS  += $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lunistring -lm -lpthread
ifeq ($(WERROR),1)
CFLAGS  += -Werror
endif

SOURCES := $(filter-out experiments/main.c,$(wildcard clip/base/*.c clip/*.c datasets/*.c coop/*.c experiments/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
LIBRARY := $(BUILD)/libcoop.a
TESTS   := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/test_*.c))
SUPPORT := $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(wildcard tests/test_*.c),$(wildcard tests/*.c)))

all: $(BUILD)/coop

.SECONDARY: # keep objects of tests

$(BUILD)/coop: $(BUILD)/experiments/main.o $(LIBRARY)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(LIBRARY): $(OBJECTS)
	rm -f $@ && ar rcs $@ $^

# Files from outside are read in these folders: let the compiler watch every narrowing there.
$(BUILD)/clip/base/%.o $(BUILD)/datasets/%.o: WARN += -Wconversion -Wno-sign-conversion
# Kernels may use fused multiply-add; pixels must match Pillow bit for bit and may not.
$(BUILD)/clip/%.o: CFLAGS += -ffp-contract=fast -fno-math-errno -fno-trapping-math

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/test_%: $(BUILD)/tests/test_%.o $(SUPPORT) $(LIBRARY)
	$(CC) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs cmocka) $(LDLIBS)
