"""check_coop.py TOLERANCE LEARNED EXPECTED.json IMAGE...: coop.py says what the command line has said, in all its ways;
features and pixels where NumPy is here."""
import json
import sys
import threading

import coop
try:
    import numpy
except ImportError:
    numpy = None

tolerance, learned, expected, *paths = sys.argv[1:]
expected = [json.loads(line) for line in open(expected)]
classifier = coop.Classifier(learned, threads=1)
assert len(classifier.names) == 4 and classifier.info["method"] == "somehow" and classifier.info["shots"] == 16


def check(labels):
    assert len(labels) == len(expected)
    for got, want in zip(labels, expected):
        assert [name for name, _ in got] == [label["name"] for label in want["labels"]]
        for (_, p), label in zip(got, want["labels"]):
            assert abs(p - label["probability"]) <= float(tolerance), (p, label)


check(classifier.classify(paths, top=2))
check(classifier.classify([open(path, "rb").read() for path in paths], top=2))
good, bad, other = classifier.classify([paths[0], "none.jpg", paths[1]], top=2)
check([good, other])
assert isinstance(bad, coop.Error) and bad.code == coop.INPUT and "none.jpg" in str(bad)


def check_arrays():
    model = classifier.model
    features = model.encode_images(paths)
    assert features.shape == (len(paths), model.width) and features.dtype == numpy.float32
    logits = classifier.logits(features).astype(float)
    p = numpy.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    check([[(classifier.names[k], row[k]) for k in numpy.argsort(-row, kind="stable")[:2]] for row in p])
    assert abs(numpy.linalg.norm(model.encode_images(paths, unit=True), axis=1) - 1).max() < 1e-5

    # Pixels, also of an array that is not contiguous.
    pixels = numpy.random.default_rng(1).integers(0, 256, (40, 60, 3), numpy.uint8)
    straight, turned = model.encode_images([pixels, pixels[::-1][::-1]])
    assert (straight == turned).all()
    for wrong in (pixels[0], pixels.astype(float)):
        try:
            model.encode_images([wrong])
            raise SystemExit("pixels of a wrong kind were taken")
        except coop.Error as error:
            assert error.code == coop.USAGE


if numpy:
    check_arrays()

# Several threads, and a stop.
wrong = []


def often():
    try:
        for _ in range(3):
            check(classifier.classify(paths, top=2))
    except AssertionError as error:
        wrong.append(error)


threads = [threading.Thread(target=often) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not wrong
stopping = False
stopped = coop.Classifier(learned, stop=lambda: stopping)
stopping = True
try:
    stopped.classify(paths)
    raise SystemExit("was not stopped")
except coop.Error as error:
    assert error.code == coop.STOPPED

# Options by name.
for option in ({"exif": "ignore"}, {"precision": "float32", "images": 1}):
    check(coop.Classifier(learned, **option).classify(paths, top=2))
for option, wrong in (({"exif": "turn"}, coop.Error), ({"exit": 1}, TypeError)):
    try:
        coop.Classifier(learned, **option)
        raise SystemExit("an option that is none was taken")
    except wrong:
        pass

zeroshot = coop.Classifier.zeroshot(coop.Model("tests/fixtures/clip_vit.safetensors", towers="both",
                                               vocabulary="tests/fixtures/merges.txt.gz"), ["ring", "rósa"])
assert zeroshot.names == ["ring", "rósa"]
assert not numpy or zeroshot.model.encode_texts(["a", "b"], unit=True).shape[0] == 2
print("as the command line says" + ("" if numpy else "; no NumPy: features and pixels are not tested"))
