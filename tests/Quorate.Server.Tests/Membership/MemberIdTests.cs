using Quorate.Server.Membership;

namespace Quorate.Server.Tests.Membership;

public sealed class MemberIdTests
{
    [Fact]
    public void The_founding_cluster_has_its_ids()
    {
        ulong[] members = [.. new[] { 109, 110, 114 }.Select(host => MemberIds.OfMember([$"http://192.168.10.{host}:2380"], "etcd-cluster-1"))];
        Assert.Equal([0x238906d2949aadeb, 0xe90298bdbb087f01, 0x4c2e39c28a58c9a7], members);
        Assert.Equal(0x27dde2dbe9446588UL, MemberIds.OfCluster(members));
    }

    [Fact]
    public void Several_urls_are_hashed_in_order_whatever_the_order_they_are_given_in() =>
        Assert.Equal(0x28c231230a164a17UL, MemberIds.OfMember(["http://127.0.0.1:21102", "http://127.0.0.1:21101"], "tok"));

    [Fact]
    public void A_cluster_of_one_by_default_has_its_ids()
    {
        ulong member = MemberIds.OfMember(["http://127.0.0.1:2380"], "etcd-cluster");
        Assert.Equal(0xb71f75320dc06a6cUL, member);
        Assert.Equal(0x1c45a069f3a1d796UL, MemberIds.OfCluster([member]));
    }

    [Theory]
    [InlineData("http://127.0.0.1:21132", 1795482475, 0xd8ffc14d1d672bc8UL)]
    [InlineData("http://127.0.0.1:2380", 1700000000, 0x71b3e183c260adbeUL)]
    [InlineData("http://127.0.0.1:21233", 1795479765, 0x9c5457f707856a9cUL)]
    public void An_added_member_has_an_id_by_its_time(string url, long seconds, ulong id) =>
        Assert.Equal(id, MemberIds.OfAddedMember([url], DateTimeOffset.FromUnixTimeSeconds(seconds)));
}
