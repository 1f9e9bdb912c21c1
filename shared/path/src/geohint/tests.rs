use proptest::prelude::*;

use super::*;

fn best(hostname: &str) -> Option<Hint> {
    read(hostname).into_iter().next()
}

/// The city's name and country, `-` where nothing was read.
fn city(hostname: &str) -> String {
    best(hostname)
        .map_or("-".into(), |hint| format!("{}, {}", hint.city.name, hint.city.country_code))
}

#[test]
fn each_kind_of_word_is_read() {
    let cases = [
        ("be3084.ccr42.lax01.atlas.cogentco.com", "Los Angeles", Kind::Iata, "lax01"),
        ("ae-1.r20.londen12.uk.bb.gin.ntt.net", "London", Kind::Clli, "londen12"),
        ("FFM-bb1-link.ip.twelve99.net", "Frankfurt", Kind::Operator, "FFM"),
        ("ae-1.edge3.Frankfurt1.Level3.net", "Frankfurt", Kind::Name, "Frankfurt1"),
        ("tcore1.pdi-palo-alto.example.net", "Palo Alto", Kind::Name, "palo-alto"),
        ("cr1.defra1.example.net", "Frankfurt", Kind::Locode, "defra1"),
        ("cr1.eddf.example.net", "Frankfurt", Kind::Icao, "eddf"),
        ("e3-9.ty-eqxty2-bb4.example.com", "Tokyo", Kind::Facility, "eqxty2"),
        ("sfo03s42-in-f14.1e100.net", "San Francisco", Kind::Iata, "sfo03"),
        ("lag-1.nycmny837aw-bcr00.example.com", "New York", Kind::Clli, "nycmny837"),
        ("et1.cr01.chcg01-il.us.example.net", "Chicago", Kind::Clli, "chcg01"),
    ];
    for (hostname, name, kind, token) in cases {
        let hint = best(hostname).unwrap();
        assert_eq!((hint.city.name, hint.kind, hint.token.as_str()), (name, kind, token));
    }
}

#[test]
fn words_that_look_like_codes_are_none() {
    for hostname in [
        "static.example.net",
        "pool-1.example.net",
        "core1.example.net",
        "cpe.example.net",
        "dsl.example.net",
        "ppp1.bras2.example.net",
        "host.example.net",
        "border1.example.net",
        "van.per.can.example.net",
        "lag-1.pos-2.las.example.net",
        "ord-er.xborder.borderx.example.net",
        "mail.example.net",
        "edge1.mgmt.example.net",
        "cor1.example.net",
        "dar01.example.com",
        "mar1.example.net",
        "tun1.example.net",
        "sub1.example.com",
        "cgn1.example.net",
        "bgw1.example.net",
        "mod1.slot2.example.net",
    ] {
        assert_eq!(city(hostname), "-", "{hostname}");
    }
}

#[test]
fn a_role_does_not_hide_the_place_beside_it() {
    assert_eq!(city("ae1.cor1.ams2.example.net"), "Amsterdam, NL");
    assert_eq!(city("cor01.per02.example.net"), "Perth, AU");
    assert_eq!(city("tun1.lon2.example.net"), "London, GB");
    assert_eq!(city("cgn1.fra2.example.net"), "Frankfurt, DE");
    assert_eq!(city("bgw1.par1.example.net"), "Paris, FR");
}

#[test]
fn a_subscribers_line_gives_no_code_away() {
    assert_eq!(city("cpe-1-2-3-4.lax1.example.net"), "-");
    assert_eq!(city("adsl.fra2.example.net"), "-");
    assert_eq!(city("p3e9bf724.fra1.example.net"), "-");
    assert_eq!(city("10-20-30-40.fra.example.net"), "-");
    // A name written out stands for itself, with little weight.
    let hint = best("115.114.89.213.static-mumbai.example.in").unwrap();
    assert_eq!(hint.city.name, "Mumbai");
    assert!(hint.score <= 1.0, "{hint:?}");
}

#[test]
fn the_operators_domain_is_not_read() {
    assert_eq!(city("cr1.frankfurt.de"), "-");
    assert_eq!(city("core.paris.fr"), "-");
    assert_eq!(city("gw.london.co.uk"), "-");
    assert_eq!(city("gw.fra1.london.co.uk"), "Frankfurt, DE");
}

#[test]
fn a_country_or_state_decides_between_namesakes() {
    assert_eq!(city("cr1.portland.or.example.net"), "Portland, US");
    assert_eq!(city("cr1.birmingham.uk.example.net"), "Birmingham, GB");
    assert_eq!(city("cr1.birmingham-al.example.net"), "Birmingham, US");
    assert_eq!(city("cr1.manchester.nh.example.net"), "Manchester, US");
    assert_eq!(city("cr1.sanjose.cr.example.net"), "San Jose, CR");
    assert_eq!(city("cr1.sanjose1.example.net"), "San Jose, US");
    let both = read("cr1.manchester1.example.net");
    let of: Vec<_> = both.iter().map(|hint| hint.city.country_code).collect();
    assert_eq!(of, ["GB", "US"]);
    assert!(both[0].score > both[1].score);
}

#[test]
fn a_country_beside_a_code_that_is_not_its_own_speaks_against_it() {
    assert_eq!(city("cr1.fra1.us.example.net"), "-");
    assert_eq!(city("cr1.fra1.de.example.net"), "Frankfurt, DE");
    assert!(
        best("cr1.fra1.de.example.net").unwrap().score
            > best("cr1.fra1.example.net").unwrap().score
    );
}

#[test]
fn interconnects_say_where_the_port_stands() {
    assert_eq!(city("telia.jfk04.atlas.cogentco.com"), "New York, US");
    assert_eq!(city("google-ic-345384-fra5-b9.ip.twelve99.net"), "Frankfurt, DE");
    assert_eq!(city("ae-0.telecom-italia.nycmny17.us.bb.gin.ntt.net"), "New York, US");
    assert_eq!(city("amazon-gw.customer.alter.net"), "-");
}

#[test]
fn one_code_means_other_cities_at_other_operators() {
    assert_eq!(city("100ge1-1.core1.ash1.he.net"), "Ashburn, US");
    assert_eq!(city("Fddi0-0.CR2.SCL1.Alter.Net"), "Santa Clara, US");
    assert_eq!(city("cr2.scl1.example.net"), "Santiago, CL");
}

#[test]
fn two_words_for_one_city_outweigh_one() {
    let two = best("cr1.milano50.mil1.example.net").unwrap();
    let one = best("cr1.x.mil1.example.net").unwrap();
    assert_eq!(two.city.name, "Milan");
    assert!(two.score > one.score + 1.0 && two.score <= CEILING);
}

#[test]
fn the_token_is_as_it_stands_in_the_name() {
    assert_eq!(best("if-2.tcore1.PDI-PaloAlto.as6453.net.").unwrap().token, "PDI");
    assert_eq!(best("0.Paris9.Example.NET").unwrap().token, "Paris9");
}

#[test]
fn what_is_no_host_name_says_nothing() {
    let long = format!("{}.fra1.example.net", "a".repeat(10_000));
    for name in ["", ".", "..", "fra1", "-", "_._", &long, "\u{202e}fra1", "фра1.пример.рф"]
    {
        assert_eq!(read(name), [], "{name}");
    }
    assert_eq!(city("münchen.fra1.example.net"), "Frankfurt, DE");
    assert_eq!(city("\u{1b}[31m.fra1.example.net"), "Frankfurt, DE");
}

proptest! {
    #[test]
    fn no_name_makes_it_panic(name in ".{0,300}") {
        check(&name);
    }

    #[test]
    fn names_like_those_of_routers_make_it_neither_panic_nor_answer_without_end(
        labels in prop::collection::vec("[a-z0-9_é-]{0,12}", 0..40),
        domain in prop::sample::select(vec![
            "twelve99.net", "gin.ntt.net", "comcast.net", "rr.com", "es.net", "example.co.uk",
            "net.dtag.de", "msn.net", "",
        ]),
    ) {
        let name = format!("{}.{domain}", labels.join("."));
        check(&name);
    }

    #[test]
    fn upper_and_lower_case_are_one(name in "[a-zA-Z0-9.-]{0,60}") {
        check(&name);
    }
}
