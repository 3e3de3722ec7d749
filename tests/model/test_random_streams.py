from qca.model.random_streams import Purpose, make_generator


def test_streams_differ_in_every_counter():
    names = [
        (1, Purpose.STATE, 2),
        (1, Purpose.NOISE, 2),
        (1, Purpose.NOISE, 2, 0),
        (1, Purpose.NOISE, 0, 2),
        (2, Purpose.STATE, 2),
        (1 + 2**32, Purpose.STATE, 2),
        (2**63 - 1, Purpose.STATE, 2),
    ]
    assert len({make_generator(*name).integers(2**63) for name in names}) == len(names)
