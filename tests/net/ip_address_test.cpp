// SPDX-License-Identifier: Apache-2.0
//
// Addresses, networks, and who the client behind proxies is: only what a trusted proxy wrote
// counts.
#include "net/ip_address.h"

#include <gtest/gtest.h>

namespace pawl::net::test {

TEST(IpAddress, IsReadAsBytesWhateverItsForm) {
  EXPECT_EQ(parse_ip("10.0.0.1"), parse_ip("::ffff:10.0.0.1"));
  EXPECT_EQ(parse_ip("2001:DB8::1"), parse_ip("2001:db8:0:0:0:0:0:1"));
  EXPECT_EQ(parse_ip("::ffff:10.0.0.1")->text(), "10.0.0.1");
  for (const auto* bad : {"", "10.0.0", "10.0.0.1:80", "[::1]", "::1%lo", "010.0.0.1x", "a.b.c.d",
                          "1.2.3.256", " 1.2.3.4", "1.2.3.4 "}) {
    EXPECT_FALSE(parse_ip(bad)) << bad;
  }
  EXPECT_FALSE(parse_ip(std::string_view("1.2.3.4\0", 8)));
  EXPECT_TRUE(parse_ip("127.9.9.9")->is_loopback());
  EXPECT_TRUE(parse_ip("::1")->is_loopback());
  EXPECT_FALSE(parse_ip("128.0.0.1")->is_loopback());
  EXPECT_FALSE(parse_ip("::2")->is_loopback());
}

TEST(IpAddress, SubscriberIsTheAddressOrThePrefixOf64) {
  EXPECT_EQ(subscriber_of(*parse_ip("10.1.2.3")), parse_ip("10.1.2.3"));
  EXPECT_NE(subscriber_of(*parse_ip("10.1.2.3")), subscriber_of(*parse_ip("10.1.2.4")));
  EXPECT_EQ(subscriber_of(*parse_ip("2001:db8:1:2:aaaa::9")),
            subscriber_of(*parse_ip("2001:db8:1:2:bbbb::8")));
  EXPECT_NE(subscriber_of(*parse_ip("2001:db8:1:2::")), subscriber_of(*parse_ip("2001:db8:1:3::")));
}

TEST(Network, HoldsWhatItsPrefixSays) {
  const auto ten = parse_network("10.0.0.0/8");
  ASSERT_TRUE(ten);
  EXPECT_TRUE(ten->contains(*parse_ip("10.255.0.1")));
  EXPECT_TRUE(ten->contains(*parse_ip("::ffff:10.1.1.1")));
  EXPECT_FALSE(ten->contains(*parse_ip("11.0.0.0")));
  EXPECT_FALSE(ten->contains(*parse_ip("a00::")));  // the byte 10, but IPv6
  EXPECT_TRUE(parse_network("0.0.0.0/0")->contains(*parse_ip("8.8.8.8")));
  EXPECT_FALSE(parse_network("0.0.0.0/0")->contains(*parse_ip("2001:db8::1")));
  EXPECT_TRUE(parse_network("2001:db8::/33")->contains(*parse_ip("2001:db8:7fff::1")));
  EXPECT_FALSE(parse_network("2001:db8::/33")->contains(*parse_ip("2001:db8:8000::1")));
  EXPECT_TRUE(parse_network("127.0.0.1")->contains(*parse_ip("127.0.0.1")));
  for (const auto* bad : {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "::/129", "/8",
                          "10.0.0.0/8 ", "10.0.0.0/-1", "*", ""}) {
    EXPECT_FALSE(parse_network(bad)) << bad;
  }
}

class ClientAddress : public ::testing::Test {
 protected:
  std::string client(std::string_view peer, std::vector<std::string> values,
                     ForwardedHeader kind = ForwardedHeader::x_forwarded_for) {
    return client_address(*parse_ip(peer), values, kind, trusted_).text();
  }
  std::vector<Network> trusted_{*parse_network("10.0.0.0/8"), *parse_network("::1")};
};

TEST_F(ClientAddress, UntrustedPeerIsTheClientWhateverItWrites) {
  EXPECT_EQ(client("203.0.113.9", {"1.2.3.4"}), "203.0.113.9");
  EXPECT_EQ(client("203.0.113.9", {"10.0.0.1"}), "203.0.113.9");
  trusted_.clear();
  EXPECT_EQ(client("10.0.0.1", {"1.2.3.4"}), "10.0.0.1");
}

TEST_F(ClientAddress, RightMostUntrustedAddressCounts) {
  EXPECT_EQ(client("10.0.0.1", {"198.51.100.7"}), "198.51.100.7");
  // The client wrote the first entry itself, hoping to be taken for somebody else.
  EXPECT_EQ(client("10.0.0.1", {"1.1.1.1, 198.51.100.7"}), "198.51.100.7");
  EXPECT_EQ(client("10.0.0.1", {"1.1.1.1", "198.51.100.7"}), "198.51.100.7");
  EXPECT_EQ(client("10.0.0.1", {"1.1.1.1, 198.51.100.7 ,10.0.0.2", " 10.0.0.3"}), "198.51.100.7");
  EXPECT_EQ(client("10.0.0.1", {"10.0.0.2, 10.0.0.3"}), "10.0.0.2");
  EXPECT_EQ(client("10.0.0.1", {}), "10.0.0.1");
  EXPECT_EQ(client("10.0.0.1", {"198.51.100.7:4711"}), "198.51.100.7");
  EXPECT_EQ(client("::1", {"[2001:db8::5]:80"}), "2001:db8::5");
}

TEST_F(ClientAddress, NothingLeftOfGarbageIsBelieved) {
  EXPECT_EQ(client("10.0.0.1", {"198.51.100.7, unknown, 10.0.0.2"}), "10.0.0.2");
  EXPECT_EQ(client("10.0.0.1", {"198.51.100.7,"}), "10.0.0.1");
  EXPECT_EQ(client("10.0.0.1", {""}), "10.0.0.1");
}

TEST_F(ClientAddress, ForwardedIsReadAsRfc7239Says) {
  const auto kind = ForwardedHeader::forwarded;
  EXPECT_EQ(client("10.0.0.1", {"for=198.51.100.7;proto=https"}, kind), "198.51.100.7");
  EXPECT_EQ(client("10.0.0.1", {"proto=http;For=\"[2001:db8::5]:4711\""}, kind), "2001:db8::5");
  EXPECT_EQ(client("10.0.0.1", {"for=1.1.1.1, for=198.51.100.7, for=10.0.0.2"}, kind),
            "198.51.100.7");
  EXPECT_EQ(client("10.0.0.1", {"for=_hidden"}, kind), "10.0.0.1");
  EXPECT_EQ(client("10.0.0.1", {"198.51.100.7"}, kind), "10.0.0.1");
}

TEST_F(ClientAddress, HopsAreBounded) {
  std::string chain = "198.51.100.7";
  for (std::size_t i = 0; i < max_forwarded_hops; ++i) chain += ",10.0.0.2";
  EXPECT_EQ(client("10.0.0.1", {chain}), "10.0.0.2");
}

}  // namespace pawl::net::test
