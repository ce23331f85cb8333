#: coop: prompt learning for CLIP
#: make            build build/coop, and the library build/libcoop.so and .a (MPI=1: for mpirun and srun, too;
#:                 FAISS=1: with coop search --approximate)
#: make deps       install the Debian packages that coop and its tests need
#: make demo       run the whole comparison on the embedded demo
#: make test       build and run the tests; valgrind, asan: the same under a checker
#: make tsan       those with several threads under ThreadSanitizer, which finds data races
#: make fuzz       damaged files for the readers, SECONDS=60 for each kind
#: make check      rooms and includes, formatting, cppcheck (make tools installs these)
#: make bench      this machine's speed on the main loops
#: make peer       the same loops in PyTorch beside them (tests/peer/README.md)
#: make install    to PREFIX=/usr/local, below DESTDIR; uninstall removes it again
#: make deb        a Debian package of all that

BUILD   ?= build
OBJ     := $(BUILD)/obj
PREFIX  ?= /usr/local
WERROR  ?= 0
MAKEFLAGS += --jobs=$(shell nproc) --no-print-directory

# What asks the machine is asked when it is first needed, since `deps` installs what pkg-config finds, and only once.
PKGS     = openblas libjpeg spng libwebpdemux yaml-0.1 jansson zlib libdeflate nettle $(filter-out gif,$(EXTRA))
DEBS     = gcc g++ pkg-config libopenblas-pthread-dev libjpeg62-turbo-dev libspng-dev libwebp-dev \
           libyaml-dev libjansson-dev zlib1g-dev libdeflate-dev nettle-dev libunistring-dev \
           libgif-dev libtiff-dev libcmocka-dev gnuplot-nox libcurl4-openssl-dev libmicrohttpd-dev nginx-light
DEBS    += $(if $(filter-out 0,$(MPI)),$(MPI_DEBS)) $(if $(filter-out 0,$(FAISS)),libfaiss-dev)
TOOLS   := clang-format cppcheck valgrind clang libclang-rt-14-dev

# Used if their headers are there at build time, and loaded when something is fetched or served; without them coop says
# what it lacks.
CURL     = $(eval CURL := $(filter-out $(WITHOUT),$(shell pkg-config --exists 'libcurl >= 7.85' && echo libcurl)))$(CURL)
MICROHTTPD = $(eval MICROHTTPD := $(filter-out $(WITHOUT),$(shell \
             pkg-config --exists 'libmicrohttpd >= 0.9.71' && echo libmicrohttpd)))$(MICROHTTPD)

# Used where they are found: GIF, TIFF, HEIC and AVIF are refused by name without. WITHOUT="libheif" leaves one out.
# (giflib has no .pc file everywhere.) libtiff is not linked, but loaded with the first file that needs it.
EXTRA    = $(eval EXTRA := $(filter-out $(WITHOUT),$(shell \
             pkg-config --exists 'libtiff-4 >= 4.5' && echo libtiff-4; pkg-config --exists libheif && echo libheif; \
             test -e /usr/include/gif_lib.h && echo gif)))$(EXTRA)
HAVE     = $(patsubst libtiff-4,-DHAVE_TIFF,$(patsubst libheif,-DHAVE_HEIF,$(patsubst gif,-DHAVE_GIF,$(EXTRA))))

# MPI=1 builds with the machine's own MPI, MPI=openmpi or MPI=mpich with that one; without, nothing of it is seen.
MPI     ?= 0
MPI_DEBS = $(if $(filter mpich,$(MPI)),mpich libmpich-dev,openmpi-bin libopenmpi-dev)
MPI_PC   = $(eval MPI_PC := $(if $(filter 1,$(MPI)),$(shell for name in mpi-c ompi-c mpich; do \
             pkg-config --exists $$name && echo $$name && break; done),$(patsubst openmpi,ompi-c,$(MPI))))$(MPI_PC)
RANKS   := $(if $(filter 0,$(MPI)),alone,mpi)

# FAISS=1 builds with FAISS, which has no .pc file, and is of C++; without, nothing of it is seen.
FAISS   ?= 0
CLUSTERS := $(if $(filter 0,$(FAISS)),none,faiss)
FAISS_LIBS = $(if $(filter faiss,$(CLUSTERS)),-lfaiss -lstdc++ -lgomp)

# -ffp-contract=off: pixels must match Pillow bit for bit. Kernels may use fused multiply-add (CONTRACT).
OPT     ?= -O3
CONTRACT := fast
WARN     = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wvla -Wundef \
           $(if $(filter 1,$(WERROR)),-Werror)
HEADERS  = $(eval HEADERS := $(shell pkg-config --cflags $(PKGS)))$(HEADERS)
FLAGS    = -std=gnu11 -I. -g $(OPT) -fopenmp-simd -ffp-contract=off $(WARN) $(HEADERS) $(HAVE) $(CFLAGS)
LINKED   = $(filter-out libtiff-4,$(PKGS))
PLAIN    = $(patsubst gif,-lgif,$(filter gif,$(EXTRA))) -lunistring -lm -lpthread
LIBS     = $(eval LIBS := $(FAISS_LIBS) $(shell pkg-config --libs $(LINKED) $(if $(filter mpi,$(RANKS)),$(MPI_PC))) $(PLAIN))$(LIBS)

# Which program works with which library: coop/coop.h says so.
VERSION := $(shell sed -n 's/^.define COOP_VERSION "\(.*\)"/\1/p' coop/coop.h)
SONAME  := libcoop.so.$(firstword $(subst ., ,$(VERSION)))
LIBDIR  ?= $(PREFIX)/lib
PYTHONDIR ?= $(PREFIX)/share/coop

# The library labels images and learns; the rest reads experiment files and command lines.
sources  = $(sort $(shell find $(1) -name '*.c'))
LIBRARY := $(patsubst %.c,$(OBJ)/%.o,$(filter-out coop/examples/%,$(call sources,clip datasets coop)))
PROGRAM := $(patsubst %.c,$(OBJ)/%.o,$(filter-out experiments/main.c experiments/ranks/ranks_%.c \
               experiments/near/clusters_%.c,$(call sources,experiments)) experiments/ranks/ranks_$(RANKS).c) \
               $(OBJ)/experiments/near/clusters_$(CLUSTERS).o
ARCHIVES := $(BUILD)/libexperiments.a $(OBJ)/library.a
# What its users see of the library, and what they need.
PUBLIC  := $(filter $(OBJ)/coop/library/%,$(LIBRARY))
SHARED  := $(BUILD)/libcoop.so.$(VERSION)
MANUAL  := $(BUILD)/coop.1 $(BUILD)/coop.3
TESTS   := $(patsubst %.c,$(BUILD)/%,$(sort $(shell find tests -name 'test_*.c')))
# What several of them share lies beside those who share it, or in support/.
SUPPORT := $(patsubst %.c,$(OBJ)/%.o,$(sort $(shell find tests -name '*.c' ! -name 'test_*' \
               ! -path 'tests/memory/*')))

.PHONY: all deps tools demo test valgrind asan tsan races fuzz fuzzers check bench peer install uninstall deb clean \
    help
.SECONDARY:

all: $(BUILD)/coop $(SHARED) $(BUILD)/libcoop.a
# Of objects, not of archives, so that the linker sees a name that two files give to functions of theirs.
$(BUILD)/coop: $(OBJ)/experiments/main.o $(PROGRAM) $(LIBRARY) $(OBJ)/with
	@echo "  link $@"
	@$(CC) $(OPT) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBS)

$(OBJ)/library.a: $(LIBRARY)
$(BUILD)/libexperiments.a: $(PROGRAM) $(OBJ)/with
$(ARCHIVES):
	@rm -f $@ && ar rcs $@ $(filter %.o,$^)

# Which MPI the objects here are for, and whether FAISS: others make them anew.
ifneq ($(shell cat $(OBJ)/with 2>/dev/null),$(MPI) $(FAISS))
.PHONY: $(OBJ)/with
endif
$(OBJ)/with: ; @mkdir -p $(@D) && echo "$(MPI) $(FAISS)" > $@
$(OBJ)/experiments/ranks/ranks_mpi.o: $(OBJ)/with
$(OBJ)/experiments/ranks/ranks_mpi.o: FLAGS += $(shell pkg-config --cflags $(MPI_PC))

# In both libraries only coop_* is visible (COOP_API; gcc shows functions with target_clones nevertheless): in the
# static one, too, which is a single object whose other symbols are made local. nodelete: jansson keeps the
# allocator that json.c has put around its own.
$(SHARED): $(PUBLIC) $(OBJ)/library.a coop/library/symbols.map
	@echo "  link $@"
	@$(CC) $(OPT) $(LDFLAGS) -shared -o $@ -Wl,-soname,$(SONAME) -Wl,-z,nodelete \
	    -Wl,--version-script=coop/library/symbols.map -Wl,--as-needed $(filter %.o %.a,$^) $(LIBS)
	@ln -sf $(@F) $(BUILD)/$(SONAME) && ln -sf $(SONAME) $(BUILD)/libcoop.so
$(BUILD)/libcoop.a: $(PUBLIC) $(OBJ)/library.a
	@echo "  link $@"
	@$(LD) -r -o $(OBJ)/coop.o $^ && objcopy --localize-hidden -w -G 'coop_*' $(OBJ)/coop.o
	@rm -f $@ && ar rcs $@ $(OBJ)/coop.o
$(LIBRARY): FLAGS += -fPIC -fvisibility=hidden

# Files from outside are read in these folders: the compiler watches every narrowing there.
$(OBJ)/clip/base/%.o $(OBJ)/clip/tensors/%.o $(OBJ)/datasets/%.o: WARN += -Wconversion -Wno-sign-conversion
$(OBJ)/clip/%.o: FLAGS += -ffp-contract=$(CONTRACT) -fno-math-errno -fno-trapping-math
$(OBJ)/clip/base/%.o: FLAGS += -ffp-contract=off
$(OBJ)/coop/steps/optimizer.o: FLAGS += -fno-math-errno

$(OBJ)/experiments/fetch/%.o: FLAGS += $(if $(CURL),-DHAVE_LIBCURL $(shell pkg-config --cflags libcurl))
$(OBJ)/experiments/serve/%.o $(OBJ)/tests/experiments/serve/%.o: FLAGS += $(if $(MICROHTTPD),-DHAVE_MICROHTTPD \
    $(shell pkg-config --cflags libmicrohttpd))
$(OBJ)/experiments/serve/page.o: experiments/serve/page.html

$(OBJ)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  cc   $<"
	@$(CC) $(FLAGS) -MMD -MP -c -o $@ $<

$(OBJ)/%.o: %.cc
	@mkdir -p $(@D)
	@echo "  c++  $<"
	@$(CXX) -std=c++17 -I. -g $(OPT) -Wall -Wextra $(if $(filter 1,$(WERROR)),-Werror) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/%: $(OBJ)/tests/%.o $(SUPPORT) $(ARCHIVES)
	@mkdir -p $(@D)
	@$(CC) $(OPT) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs cmocka) $(LIBS)

# All of the library and nothing else: whatever it needed of experiments/ would be missing here.
$(BUILD)/tests/coop/test_library: $(OBJ)/tests/coop/test_library.o $(OBJ)/library.a
	@mkdir -p $(@D)
	@$(CC) $(OPT) $(LDFLAGS) -o $@ $< -Wl,--whole-archive $(OBJ)/library.a -Wl,--no-whole-archive \
	    $(shell pkg-config --libs cmocka) $(LIBS)

# A program of others: the header and the shared library alone.
$(BUILD)/tests/coop/library/test_stranger: $(OBJ)/tests/coop/library/test_stranger.o $(SHARED)
	@mkdir -p $(@D)
	@$(CC) $(OPT) $(LDFLAGS) -o $@ $< -L$(BUILD) -lcoop -Wl,-rpath,'$$ORIGIN/../../..' \
	    $(shell pkg-config --libs cmocka) -lpthread

$(BUILD)/tests/coop/library/test_installed: | $(BUILD)/coop $(SHARED) $(BUILD)/libcoop.a $(MANUAL)

# Memory that runs out at will: preloaded by the test beside it.
$(BUILD)/tests/memory/%.so: tests/memory/%.c
	@mkdir -p $(@D)
	@$(CC) $(FLAGS) -shared -fPIC -o $@ $<
$(BUILD)/tests/memory/test_out_of_memory: | $(BUILD)/tests/memory/failing_malloc.so
$(BUILD)/tests/memory/test_many_processors: | $(BUILD)/tests/memory/many_processors.so

# With `make deps demo` or `make deps test` nothing is compiled before the packages are there.
ifneq ($(filter deps demo test,$(MAKECMDGOALS)),)
$(LIBRARY) $(PROGRAM) $(OBJ)/experiments/main.o $(SUPPORT) $(TESTS:$(BUILD)/%=$(OBJ)/%.o): | deps
endif
deps: ; @.ci/install $(DEBS)
tools: deps ; @.ci/install $(TOOLS)

demo: deps $(BUILD)/coop ; @.ci/demo $(BUILD)/coop
test: deps $(BUILD)/coop $(TESTS)
	@.ci/test $(TESTS)

# Valgrind works out each fused multiply-add by software: without any it takes a tenth of the time.
valgrind:
	@OPENBLAS_CORETYPE=Sandybridge GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-FMA \
	    $(MAKE) BUILD=$(BUILD)/valgrind CONTRACT=off CFLAGS=-DNO_FUSED JOBS=$(shell nproc) test RUNNER="valgrind \
	    -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,possible \
	    --suppressions=$(CURDIR)/.ci/valgrind.supp"

# ARENA_MALLOC gives every block of an arena a malloc of its own, so that the sanitizer sees its bounds.
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
asan:
	@$(MAKE) BUILD=$(BUILD)/asan OPT="-O1 -fno-omit-frame-pointer $(SANITIZE)" \
	    CFLAGS="-DARENA_MALLOC -DNO_VECTOR_CLONES" JOBS=$(shell nproc) test

# What several threads do: pools, digests beside them, encoding, learning, `run --jobs`, `classify`. The reports
# go to files, so that one of a program whose status nobody asked for counts too. (OpenBLAS is not instrumented,
# which is no harm as long as it starts no threads.)
RACES := $(addprefix $(BUILD)/tests/,clip/base/test_parallel clip/checkpoint/test_flavours \
             clip/image/test_resnet clip/image/test_vit clip/math/test_blas clip/math/test_gemm clip/math/test_packed \
             clip/math/test_product clip/tensors/test_tensors_open clip/text/test_text_encoder \
             clip/train/test_contrastive_trainer clip/train/test_resnet_trainer clip/train/test_text_trainer \
             clip/train/test_vit_trainer coop/library/test_stranger coop/test_trainer \
             datasets/features/test_features datasets/features/test_image_stream \
             datasets/pairs/test_pair_loader experiments/commands/test_cli_commands \
             experiments/commands/test_cli_study experiments/serve/test_cli_serve experiments/serve/test_lane)
tsan:
	@$(MAKE) BUILD=$(BUILD)/tsan OPT="-O1 -fno-omit-frame-pointer -fsanitize=thread" \
	    CFLAGS="-DNO_VECTOR_CLONES" JOBS=$(shell nproc) races
races: $(BUILD)/coop $(RACES)
	@rm -f $(BUILD)/report.*
	@TSAN_OPTIONS="log_path=$(CURDIR)/$(BUILD)/report" .ci/test $(RACES); status=$$?; \
	    cat $(BUILD)/report.* 2>/dev/null && exit 1; exit $$status

# Each reader on damaged files, for SECONDS each (FUZZ=yaml: that one alone).
SECONDS ?= 60
fuzz: tools
	@$(MAKE) BUILD=$(BUILD)/fuzz CC=clang OPT="-O1 -fno-omit-frame-pointer $(SANITIZE) -fsanitize=fuzzer-no-link" \
	    CFLAGS="-DARENA_MALLOC -DNO_VECTOR_CLONES -DLIBFUZZER -Wno-pass-failed" fuzzers
	@.ci/fuzz $(BUILD)/fuzz $(SECONDS) $(FUZZ)
fuzzers: $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
$(BUILD)/fuzz_%: $(OBJ)/tests/fuzz/fuzz_%.o $(OBJ)/tests/fuzz/fuzz.o $(ARCHIVES)
	@$(CC) $(OPT) -fsanitize=fuzzer -o $@ $^ $(LIBS)

check: ; @.ci/check
bench: $(BUILD)/coop ; @$(BUILD)/coop bench

# The same loops in PyTorch (tests/peer/README.md); LOOPS="RN50 JPEG": those alone.
PYTHON ?= python3
peer: $(BUILD)/coop
	@$(PYTHON) -c "import numpy, PIL, torch" 2>/dev/null || { echo "make peer needs PYTHON=... with torch, numpy" \
	    "and pillow: tests/peer/README.md says how" >&2; exit 1; }
	@$(PYTHON) -B tests/peer/peer.py $(BUILD)/coop $(LOOPS)

# The manual is what the program and the header say, so it cannot say anything else.
$(BUILD)/coop.1: $(BUILD)/coop .ci/manual ; @.ci/manual 1 $(VERSION) $(BUILD)/coop > $@
$(BUILD)/coop.3: coop/coop.h .ci/manual ; @mkdir -p $(@D) && .ci/manual 3 $(VERSION) coop/coop.h > $@

install: $(BUILD)/coop $(SHARED) $(BUILD)/libcoop.a $(MANUAL)
	@.ci/install_files $(BUILD) $(VERSION) "$(DESTDIR)" $(PREFIX) $(LIBDIR) $(PYTHONDIR) \
	    "$(filter-out yaml-0.1,$(LINKED))" "$(PLAIN)"
uninstall: ; @.ci/install_files --remove $(VERSION) "$(DESTDIR)" $(PREFIX) $(LIBDIR) $(PYTHONDIR)
deb: $(BUILD)/coop $(SHARED) $(BUILD)/libcoop.a $(MANUAL)
	@.ci/install dpkg-dev && .ci/deb $(BUILD) $(VERSION) "$(filter-out yaml-0.1,$(LINKED))" "$(PLAIN)"
clean: ; rm -rf $(BUILD)
help: ; @sed -n 's/^#: //p' Makefile

-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)
