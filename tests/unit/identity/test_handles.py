"""Every spelling of one address has one canonical form, and what is no address has none."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.identity.domain.customers import Sighting, strongest
from services.identity.domain.handles import Handle, HandleType, WrongHandle, canonical

EMAIL, PHONE, USER = HandleType.EMAIL, HandleType.PHONE, HandleType.WHATSAPP_USER


@pytest.mark.parametrize(
    ("handle_type", "value", "expected"),
    [
        (EMAIL, "ada@example.com", "ada@example.com"),
        (EMAIL, " Ada.L@EXAMPLE.Com ", "ada.l@example.com"),
        (EMAIL, "ada+news@example.com", "ada+news@example.com"),
        (EMAIL, "Änne@Bücher.example", "änne@xn--bcher-kva.example"),
        (EMAIL, "a\u0308nne@xn--bcher-kva.example", "änne@xn--bcher-kva.example"),
        (PHONE, "+15550100", "+15550100"),
        (PHONE, "whatsapp:+15550100", "+15550100"),
        (PHONE, "WhatsApp: +1 (555) 010-0", "+15550100"),
        (PHONE, "+551187654321", "+5511987654321"),  # Brazil, mobile, before the ninth digit
        (PHONE, "+5511987654321", "+5511987654321"),
        (PHONE, "+551132654321", "+551132654321"),  # Brazil, landline: has eight digits
        (PHONE, "+5215512345678", "+525512345678"),  # Mexico, with the old 1
        (PHONE, "+525512345678", "+525512345678"),
        (PHONE, "+5491123456789", "+541123456789"),  # Argentina, mobile, dialled from abroad
        (PHONE, "+541123456789", "+541123456789"),
        (PHONE, "+54911234567", "+54911234567"),  # too short for a mobile with its 9
        (PHONE, "+390612345678", "+390612345678"),  # Italy keeps its zero
        (USER, "  US.13491208655302741918 ", "US.13491208655302741918"),
    ],
)
def test_canonical_forms(handle_type: HandleType, value: str, expected: str) -> None:
    handle = canonical(handle_type, value)
    assert handle == Handle(handle_type, expected)
    assert canonical(handle_type, handle.value) == handle


@pytest.mark.parametrize(
    ("handle_type", "value"),
    [
        (EMAIL, ""),
        (EMAIL, "ada"),
        (EMAIL, "ada@"),
        (EMAIL, "ada@example"),
        (EMAIL, "a@b@example.com"),
        (EMAIL, "Ada <ada@example.com>"),
        (EMAIL, "ada@example.com, eve@example.com"),
        (EMAIL, "ada@example.com\nBcc: eve@example.com"),
        (PHONE, ""),
        (PHONE, "15550100"),
        (PHONE, "+0155501001"),
        (PHONE, "+1555"),
        (PHONE, "+1234567890123456"),
        (PHONE, "+999123456"),
        (PHONE, "+1800FLOWERS"),
        (PHONE, "+1555010\u0660"),
        (USER, "   "),
        (USER, "US 1"),
        (USER, "US\x001"),
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(
    handle_type: HandleType, value: str
) -> None:
    with pytest.raises(WrongHandle) as caught:
        canonical(handle_type, value)
    with pytest.raises(WrongHandle) as of_another:
        canonical(handle_type, "\0")
    assert str(caught.value) == str(of_another.value)


@given(st.sampled_from(list(HandleType)), st.text(max_size=60))
def test_any_text_has_one_form_or_none(handle_type: HandleType, value: str) -> None:
    try:
        handle = canonical(handle_type, value)
    except WrongHandle:
        return
    assert canonical(handle_type, handle.value) == handle


@given(st.integers(min_value=10**6, max_value=10**13))
@example(4900000)  # loses its zeros one by one
def test_a_number_has_one_form_however_often_it_is_made(number: int) -> None:
    try:
        handle = canonical(PHONE, f"whatsapp:+{number}")
    except WrongHandle:
        return
    assert canonical(PHONE, handle.value) == handle


def test_of_one_handle_the_proof_stays_and_the_order_is_by_handle() -> None:
    ada, bob = Handle(EMAIL, "ada@example.com"), Handle(EMAIL, "bob@example.com")
    claim = Sighting(ada, verified=False, display_name="Mallory")
    proof = Sighting(ada, verified=True, display_name="Ada")
    other = Sighting(bob, verified=False)
    assert strongest([other, claim, proof, claim]) == [proof, other]
    assert (claim.evidence, proof.evidence) == ("claim", "dmarc_pass")
