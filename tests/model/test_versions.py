import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.model.versions import Version, VersionRange

small = st.integers(0, 4)
versions = st.builds(Version, small, small, small)


@given(versions)
def test_a_version_is_read_back_as_it_was_written(version: Version) -> None:
    assert Version.parse(str(version)) == version


@pytest.mark.parametrize("text", ["1", "1.0", "1.0.0.0", "01.0.0", "1.0.x", "", "latest"])
def test_a_version_that_is_not_semantic_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="semantic version"):
        Version.parse(text)


def test_a_release_comes_after_its_own_pre_releases() -> None:
    assert Version.parse("1.0.0-alpha") < Version.parse("1.0.0-beta") < Version.parse("v1.0.0")


@pytest.mark.parametrize(
    ("wanted", "inside", "outside"),
    [
        ("1", ["1.0.0", "1.9.9"], ["0.9.9", "2.0.0"]),
        ("1.x", ["1.0.0", "1.9.9"], ["2.0.0"]),
        ("1.2", ["1.2.0", "1.9.0"], ["1.1.9", "2.0.0"]),
        ("^1.2.3", ["1.2.3", "1.9.0"], ["1.2.2", "2.0.0"]),
        ("^0.2.3", ["0.2.3", "0.2.9"], ["0.3.0", "1.0.0"]),
        ("~1.2", ["1.2.0", "1.2.9"], ["1.3.0"]),
        ("~1.2.3", ["1.2.3"], ["1.2.2", "1.3.0"]),
        (">=1.0,<3", ["1.0.0", "2.9.9"], ["0.9.9", "3.0.0"]),
        ("=1.2.0", ["1.2.0"], ["1.2.1"]),
        (">1.2", ["1.3.0"], ["1.2.9"]),
        ("<=1.2", ["1.2.9", "0.1.0"], ["1.3.0"]),
        ("*", ["0.0.0", "99.0.0"], []),
    ],
)
def test_a_range_holds_what_its_words_say(wanted: str, inside: list[str], outside: list[str]) -> None:
    found = VersionRange.parse(wanted)
    assert all(Version.parse(version) in found for version in inside)
    assert not any(Version.parse(version) in found for version in outside)


@given(versions)
def test_a_version_is_in_the_range_that_it_opens(version: Version) -> None:
    assert version in VersionRange.parse(str(version))
    assert version in VersionRange.parse(f">={version}")
    assert version not in VersionRange.parse(f"<{version}")


def test_nonsense_is_no_range() -> None:
    with pytest.raises(ValueError, match="not a version range"):
        VersionRange.parse("newest")
